import { readFile } from "node:fs/promises";
import { parse } from "yaml";
import type { XmppFederation } from "../../src/api/xmpp-federation.ts";

/**
 * Who takes part: an organization with an internal server and a federation in one namespace, and a server of somebody
 * else in another. Several scenes may be in a cluster at once.
 */
export interface Scene {
	readonly internal: {
		readonly namespace: string;
		readonly domain: string;
		readonly roomsDomain: string;
		/** The internal server, which also names its objects. */
		readonly server: "ejabberd" | "prosody";
		/** Name that SRV records of the internal domains point to; it leads to the federation's public Service. */
		readonly hostname: string;
	};
	readonly remote: {
		readonly namespace: string;
		readonly domain: string;
		readonly roomsDomain: string;
		readonly hostname: string;
	};
	/** Name of the XmppFederation in the internal namespace. */
	readonly federation: string;
	/** Nodes of the federation; those of `federation.yaml` if absent. */
	readonly nodes?: XmppFederation["spec"]["nodes"];
}

/** The scene of `npm run demo`. `federation.yaml` has its names. */
export const demoScene: Scene = {
	internal: {
		namespace: "demo-internal",
		domain: "example.lab",
		roomsDomain: "rooms.example.lab",
		server: "ejabberd",
		hostname: "xmpp.example.lab",
	},
	remote: {
		namespace: "demo-remote",
		domain: "remote.lab",
		roomsDomain: "rooms.remote.lab",
		hostname: "xmpp.remote.lab",
	},
	federation: "example",
};

export interface SceneOptions {
	readonly nodes?: Scene["nodes"];
	readonly internalServer?: Scene["internal"]["server"];
}

/** A scene apart from the demo's: `name` is in every namespace and domain. */
export function sceneNamed(name: string, { nodes, internalServer = "ejabberd" }: SceneOptions = {}): Scene {
	const side = (role: string, domain: string) => ({
		namespace: `${name}-${role}`,
		domain,
		roomsDomain: `rooms.${domain}`,
		hostname: `xmpp.${domain}`,
	});
	return {
		internal: { ...side("internal", `example-${name}.lab`), server: internalServer },
		remote: side("remote", `remote-${name}.lab`),
		federation: "example",
		...(nodes && { nodes }),
	};
}

export const federationFile = new URL("federation.yaml", import.meta.url);

/** The federation of `federation.yaml`, with the names of the scene. */
export async function federationOf({ internal, federation, nodes }: Scene): Promise<XmppFederation> {
	// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the file is part of this repository; the API server checks it
	const written = parse(await readFile(federationFile, "utf8")) as XmppFederation;
	return {
		...written,
		metadata: { ...written.metadata, name: federation, namespace: internal.namespace },
		spec: {
			...written.spec,
			domain: internal.domain,
			additionalDomains: [internal.roomsDomain],
			upstream: { host: `${internal.server}.${internal.namespace}.svc` },
			service: { ...written.spec.service, hostname: internal.hostname },
			...(nodes && { nodes }),
		},
	};
}

/** Names of objects that are the same in every scene. */
export const REMOTE_SERVER = "prosody";
export const CERTIFICATE_SECRET = "example-tls";
