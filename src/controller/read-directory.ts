import { connect } from "node:net";
import { type ConnectionOptions, connect as connectSecurely } from "node:tls";
import { Client, type Entry, ResultCodeError } from "ldapts";
import { mostMappings } from "../api/email-addresses.ts";
import { writeEntry } from "../model/email-addresses/directory.ts";

/** What is asked of a directory, and how. */
export interface DirectoryQuestion {
	readonly url: string;
	readonly startTLS: boolean;
	/** PEM. Undefined: public ones. */
	readonly authorities: string | undefined;
	/** Undefined: anonymous. */
	readonly credentials: { readonly username: string; readonly password: string } | undefined;
	readonly baseDN: string;
	readonly filter: string;
	readonly userAttribute: string;
	readonly mailAttribute: string;
}

/** Milliseconds for a connection, for one answer, and for all of it. */
const patience = { connection: 5_000, answer: 15_000, all: 120_000 } as const;
/** Entries of one answer: fewer than any directory known limits an answer to. */
const pageSize = 500;
/** The result of a directory that has the baseDN from another one only (RFC 4511 section 4.1.10). */
const referral = 10;

/**
 * Reads all that a directory has to say, page by page, over one connection. Where it refers to other directories, these are
 * not asked: nobody has said that they may be trusted, or that they may have the password.
 *
 * @returns its entries (`writeEntry`)
 * @throws {Error} where it does not say all of it. The message is for people and has no password in it.
 */
export async function readDirectory(question: DirectoryQuestion, signal: AbortSignal): Promise<readonly string[]> {
	const { url, startTLS, credentials, baseDN, filter, userAttribute, mailAttribute } = question;
	const tlsOptions = tlsOptionsOf(question);
	const connections = new Connections();
	const client = new Client({
		url,
		timeout: patience.answer,
		connectTimeout: patience.connection,
		strictDN: false,
		// With these it begins TLS at once.
		...(url.startsWith("ldaps://") && { tlsOptions }),
		createConnection: connections.plain,
		createSecureConnection: connections.secure,
	});
	const deadline = AbortSignal.any([signal, AbortSignal.timeout(patience.all)]);
	const stop = () => connections.destroy();
	deadline.addEventListener("abort", stop, { once: true });
	try {
		if (startTLS) await client.startTLS(tlsOptions);
		if (credentials) await client.bind(credentials.username, credentials.password);
		const options = {
			scope: "sub" as const,
			filter,
			attributes: [...new Set([userAttribute, mailAttribute])],
			paged: { pageSize },
		};
		const found: string[] = [];
		for await (const { searchEntries } of client.searchPaginated(baseDN, options)) {
			for (const entry of searchEntries) {
				const [users, addresses] = [valuesOf(entry, userAttribute), valuesOf(entry, mailAttribute)];
				found.push(writeEntry({ dn: entry.dn, users, addresses }));
			}
			if (found.length > mostMappings) {
				throw new Error(`has more than ${mostMappings} entries that the filter matches, which is the most`);
			}
		}
		return found;
	} catch (error) {
		const isLate = deadline.aborted;
		throw new Error(isLate ? `did not say all of it within ${patience.all / 1000} s` : reasonOf(error), {
			cause: error,
		});
	} finally {
		deadline.removeEventListener("abort", stop);
		await client.unbind().catch(() => {});
		connections.destroy();
	}
}

function tlsOptionsOf({ url, authorities }: DirectoryQuestion): ConnectionOptions {
	const host = new URL(url).hostname.replace(/^\[(.*)\]$/, "$1");
	return { host, minVersion: "TLSv1.2", ...(authorities !== undefined && { ca: authorities }) };
}

/**
 * The connections of one reading: one, with TLS over it at most once. ldapts makes another where the first has ended, and
 * goes on over that without TLS and as nobody, who may see less.
 */
class Connections {
	readonly #open: { destroy: () => void }[] = [];
	#made = { plain: 0, secure: 0 };

	readonly plain: typeof connect = (...args: unknown[]) => {
		this.#count("plain");
		// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- handed on as they came
		return this.#keep(connect(...(args as Parameters<typeof connect>)));
	};

	readonly secure: typeof connectSecurely = (...args: unknown[]) => {
		this.#count("secure");
		// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- handed on as they came
		return this.#keep(connectSecurely(...(args as Parameters<typeof connectSecurely>)));
	};

	destroy(): void {
		for (const socket of this.#open) socket.destroy();
	}

	#count(kind: "plain" | "secure"): void {
		this.#made[kind] += 1;
		if (this.#made[kind] > 1) throw new Error("the directory ended the connection");
	}

	#keep<Socket extends { destroy: () => void }>(socket: Socket): Socket {
		this.#open.push(socket);
		return socket;
	}
}

/** Names of attributes are the same in capital letters. */
function valuesOf(entry: Entry, attribute: string): readonly string[] {
	const name = attribute.toLowerCase();
	return Object.entries(entry).flatMap(([key, value]) =>
		key.toLowerCase() === name ? [value].flat().map((part) => part.toString()) : [],
	);
}

/** In one line. A name with several addresses has an error for each, and none of its own. */
function reasonOf(error: unknown): string {
	const [first] = error instanceof AggregateError ? error.errors : [error];
	const message = (first instanceof Error ? first.message : String(first)).replaceAll(/\s+/g, " ").trim();
	if (!(first instanceof ResultCodeError)) return message;
	if (first.code === referral) return "it refers to another directory for the baseDN: name that one in the url";
	// Many directories send no words with their result.
	const words = first.name.replace(/Error$/, "").replaceAll(/([a-z])([A-Z])/g, "$1 $2");
	return `${words} (${message})`;
}
