import { linkPort } from "../model/ports.ts";

/**
 * Where things are in a gateway pod: ports, files, mount points. The one place that the Containerfile, the objects and
 * the configuration agree on. Tests that run Prosody outside Kubernetes pass a layout of their own.
 */
export interface GatewayLayout {
	/** Interfaces that all ports listen on, in Prosody's syntax. */
	readonly interfaces: readonly string[];
	/** Federation connection manager: XMPP server-to-server, internet side (RFC 6120). */
	readonly federationPort: number;
	/** Federation connection manager: links from routers (XEP-0114). */
	readonly linkPort: number;
	/** Federation connection manager: /ready, /live, /status. */
	readonly federationHttpPort: number;
	/** Router: XMPP server-to-server, inside. */
	readonly routerPort: number;
	/** Router: /ready, /live, /status. */
	readonly routerHttpPort: number;
	/** Directory with tls.crt and tls.key. With the strategy Live the trusted authorities lie there too, and it changes. */
	readonly certificateDirectory: string;
	/**
	 * Directory of the authorities that peers are verified with beside or instead of the public ones, where there are any.
	 * With the strategy Live there is no such directory.
	 */
	readonly trustedDirectory: string;
	/** Directory with tls.crt, tls.key and ca.crt of the links. It changes while the processes run. */
	readonly linkDirectory: string;
	/** Directory of the settings that may change while the processes run (`settings.ts`). */
	readonly settingsDirectory: string;
	/** Directory of the dialback secrets that are accepted. It changes while the processes run. */
	readonly dialbackDirectory: string;
	/** Directory of the mapping of users and email addresses, where there is one (R13). It changes while the processes run. */
	readonly emailAddressesDirectory: string;
	/** Writable directory for Prosody's data and pid file. */
	readonly dataDirectory: string;
	/** Directory of the project's Lua modules. */
	readonly moduleDirectory: string;
}

export const podLayout: GatewayLayout = {
	interfaces: ["*", "::"],
	federationPort: 5269,
	linkPort,
	federationHttpPort: 9269,
	routerPort: 5270,
	routerHttpPort: 9270,
	certificateDirectory: "/run/xmppfed/certificate",
	trustedDirectory: "/run/xmppfed/trusted",
	linkDirectory: "/run/xmppfed/link",
	settingsDirectory: "/run/xmppfed/settings",
	dialbackDirectory: "/run/xmppfed/dialback",
	emailAddressesDirectory: "/run/xmppfed/email-addresses",
	dataDirectory: "/var/lib/xmppfed",
	moduleDirectory: "/usr/lib/xmppfed/modules",
};

/** Names in a pod and keys in its ConfigMap and Secret. */
export const containerNames = { router: "router", federation: "federation" } as const;
export const configurationKeys = {
	router: "router.cfg.lua",
	federation: "federation.cfg.lua",
	imageCheck: "image-check.lua",
} as const;
/** Files in `$CREDENTIALS_DIRECTORY`, read with Prosody's `Credential("NAME")`. */
export const credentialNames = { dialback: "dialback-secret", link: "link-secret" } as const;
/** File of the authorities in their directory, and key in the node's Secret. */
export const trustedAuthoritiesKey = "trusted-authorities.pem";
/**
 * The same with the strategy Live, beside the certificate. The name says whether the public ones are trusted as well, so
 * that both change at once (deploy/gateway/modules/xmppfed_trusted_authorities.lib.lua).
 */
export const liveAuthoritiesKey = (systemRoots: boolean): string =>
	systemRoots ? trustedAuthoritiesKey : "trusted-authorities-only.pem";
/**
 * Files of the mapping of email addresses: the index has the number of mappings and, in their order, the SHA-256
 * (hexadecimal) of the others (deploy/gateway/modules/xmppfed_email_mapping.lib.lua).
 */
export const emailAddressFiles = { index: "index.json", place: (place: number): string => `${place}` } as const;
/** Key of a settings file in a ConfigMap. */
export const settingsKey = (file: string): string => `settings.${file}`;
/** Directory that the pod's ConfigMap is mounted on. */
export const configurationDirectory = "/etc/xmppfed";
/** Directory that `$CREDENTIALS_DIRECTORY` names. */
export const credentialsDirectory = "/run/xmppfed/credentials";
