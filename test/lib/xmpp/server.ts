import type { User } from "./account.ts";

/** An XMPP server of a test: a peer on the internet, or the internal server behind a gateway. */
export interface ServerOptions {
	readonly domain: string;
	/** Domains of it besides, without rooms. */
	readonly moreDomains?: readonly string[] | undefined;
	/** Domain of its chat rooms (XEP-0045). */
	readonly roomsDomain: string;
	/** Registered at each domain when the server starts. */
	readonly users: readonly User[];
	/** PEM file with certificate chain and key. */
	readonly certificateFile: string;
	/**
	 * Peers of the internet want TLS. An internal server talks to the router, which has no certificate for the remote
	 * domains that it stands in for: TLS where offered, dialback inside.
	 */
	readonly encryption: "Required" | "Optional";
	/** Writable, for the server's own user. */
	readonly dataDirectory: string;
	readonly clientPort: number;
	readonly serverPort: number;
	/** Prosody only: it closes in order whatever stream another server has opened to it, this often, in seconds. */
	readonly closesStreamsEvery?: number | undefined;
}

/** What a server runs as. */
export interface ServerProgram {
	/** Name and text of the files that the script finds in the directory that is its only argument. */
	readonly files: Readonly<Record<string, string>>;
	/** A shell script that registers the users and runs the server in the foreground. */
	readonly startScript: string;
	/** Debian packages (trixie). */
	readonly packages: readonly string[];
	/** The user that it must run as, as Debian's packages make it. */
	readonly user: string;
}

/** The domains of a server that have users. */
export function domainsOf({ domain, moreDomains = [] }: ServerOptions): readonly string[] {
	return [domain, ...moreDomains];
}
