/** Ports that one pod reaches another by; the pod's own listeners are in `gateway/layout.ts`. */
export const xmppServerPort = 5269;
/** Links from routers to federation connection managers. The links Service is headless, so pods listen on this port. */
export const linkPort = 5275;
