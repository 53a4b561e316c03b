import type { RequestHandler } from 'express'
import helmet from 'helmet'

/** Headers that keep browsers from doing with an answer what it is not for. Pages take nothing from elsewhere. */
export function safeHeaders(): RequestHandler {
  const own = ["'self'"]
  const none = ["'none'"]
  return helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: own,
        imgSrc: ["'self'", 'data:'],
        objectSrc: none,
        baseUri: none,
        formAction: own,
        frameAncestors: none,
      },
    },
    // Whether TLS stands in front of this port is for whoever put it there to say.
    strictTransportSecurity: false,
  })
}
