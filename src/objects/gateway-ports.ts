/** Names of the ports of a gateway pod; Services and probes refer to these. 15 characters at most. */
export const portNames = {
	federation: "xmpp-server",
	link: "xmppfed-link",
	federationHttp: "http-federation",
	router: "xmpp-router",
	routerHttp: "http-router",
} as const;
