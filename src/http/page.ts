import { type Html, html } from './html.ts'

/** A whole page around its content. @param style where its style sheet is */
export function page(title: string, style: string, content: Html): Html {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="${style}">
</head>
<body><main>${content}</main></body>
</html>
`
}
