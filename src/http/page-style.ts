/** The style sheet of the pages that are made here. No script, no font and no picture from anywhere. */
export const pageStyle = `
:root {
  color-scheme: light dark;
  --ground: #f7f8fa; --card: #ffffff; --line: #e1e4ea; --text: #1b2230; --faint: #5d6778; --accent: #2457c5;
  --get: #1a7f4b; --post: #2457c5; --delete: #b3261e; --code: #f0f2f6;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #11141a; --card: #191e27; --line: #2b3240; --text: #e7eaf0; --faint: #98a2b3; --accent: #86abff;
    --get: #4cc38a; --post: #86abff; --delete: #ff8a80; --code: #222936;
  }
}
* { box-sizing: border-box }
body { margin: 0; background: var(--ground); color: var(--text); font: 15px/1.55 system-ui, sans-serif }
main { max-width: 62rem; margin: 0 auto; padding: 3rem 1.5rem 5rem }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .3rem; letter-spacing: -.02em }
h2 { font-size: 1.15rem; margin: 2.6rem 0 .8rem }
h3 { font-size: .82rem; margin: 1.1rem 0 .4rem; color: var(--faint); font-weight: 600 }
p { margin: 0 0 1rem } a { color: var(--accent); text-decoration: none } a:hover { text-decoration: underline }
.faint { color: var(--faint) }
code, pre { font: 13px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace }
code { background: var(--code); border-radius: 4px; padding: .1em .35em }
pre { background: var(--code); border-radius: 8px; padding: .9rem 1rem; overflow-x: auto; margin: 0 }
pre code { background: none; padding: 0 }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); gap: .9rem; margin: 1.6rem 0 2.2rem; padding: 0; list-style: none }
.cards a { display: block; height: 100%; padding: 1rem 1.1rem; background: var(--card); border: 1px solid var(--line); border-radius: 10px; color: inherit }
.cards a:hover { border-color: var(--accent); text-decoration: none }
.cards strong { display: block; color: var(--accent); font-weight: 600 } .cards span { color: var(--faint); font-size: .9rem }
.pill { display: inline-block; font-size: .8rem; font-weight: 600; border-radius: 99px; padding: .12rem .7rem; border: 1px solid currentColor; margin: .3rem 0 }
.ok { color: var(--get) } .bad { color: var(--delete) }
nav { display: flex; flex-wrap: wrap; gap: .4rem 1rem; margin-top: 1rem }
details { background: var(--card); border: 1px solid var(--line); border-radius: 8px; margin: .5rem 0 }
summary { cursor: pointer; padding: .6rem .9rem; display: flex; flex-wrap: wrap; gap: .3rem .8rem; align-items: baseline }
summary::-webkit-details-marker { display: none } summary:hover { background: var(--code) }
summary > code { background: none; padding: 0; font-weight: 600; overflow-wrap: anywhere }
summary .faint { font-size: .92rem }
.method { font: 700 12px/1 ui-monospace, monospace; width: 3.6rem; text-transform: uppercase }
.get { color: var(--get) } .post { color: var(--post) } .delete { color: var(--delete) }
.body { padding: 0 1rem 1rem; border-top: 1px solid var(--line) }
.scroll { overflow-x: auto }
table { border-collapse: collapse; width: 100% } td { padding: .35rem .8rem .35rem 0; vertical-align: top; border-top: 1px solid var(--line) }
tr:first-child td { border-top: 0 } td:first-child { white-space: nowrap }
`
