import { randomBytes } from "node:crypto";
import { xml } from "@xmpp/client";
import type { Account, User } from "../../test/lib/xmpp/account.ts";
import { XmppClient } from "../../test/lib/xmpp/client.ts";
import type { Scene } from "./scene.ts";
import { until } from "./until.ts";

/** Users of a scene: one on each side. The password guards nothing: it stands here. */
export const internalUser: User = { name: "alice", password: "demo-password" };
export const remoteUser: User = { name: "bob", password: "demo-password" };

/** Where clients reach the two servers. */
export interface ClientAddresses {
	readonly internal: ClientAddress;
	readonly remote: ClientAddress;
}

export interface ClientAddress {
	readonly host: string;
	readonly port: number;
}

/** One user of each side, logged in. */
export interface Couple {
	readonly internal: XmppClient;
	readonly remote: XmppClient;
}

/** One thing that crossed the federation. */
export interface Crossing {
	readonly from: string;
	readonly to: string;
	readonly what: string;
	readonly milliseconds: number;
}

/** Logs both users in. A server that has just started may need a moment until it knows its users. */
export async function logIn(
	scene: Record<keyof ClientAddresses, { readonly domain: string }>,
	addresses: ClientAddresses,
	signal?: AbortSignal,
): Promise<Couple> {
	const account = ({ domain }: { domain: string }, address: ClientAddress, { name, password }: User): Account => ({
		user: name,
		domain,
		password,
		...address,
	});
	const internal = await patientLogin(account(scene.internal, addresses.internal, internalUser), signal);
	try {
		return { internal, remote: await patientLogin(account(scene.remote, addresses.remote, remoteUser), signal) };
	} catch (error) {
		await internal[Symbol.asyncDispose]();
		throw error;
	}
}

export async function patientLogin(account: Account, signal?: AbortSignal): Promise<XmppClient> {
	let failure = "";
	return await until(
		`the login of ${account.user}@${account.domain} at ${account.host}:${account.port}`,
		async () => {
			try {
				return await XmppClient.login(account);
			} catch (error) {
				failure = inFull(error);
				return undefined;
			}
		},
		{
			signal,
			timeout: 60_000,
			explain: async () => failure,
		},
	);
}

/** An error's message with those of its causes. */
function inFull(error: unknown): string {
	if (!(error instanceof Error)) return "";
	return error.cause === undefined ? error.message : `${error.message}: ${inFull(error.cause)}`;
}

export async function logOut({ internal, remote }: Couple): Promise<void> {
	await Promise.all([internal[Symbol.asyncDispose](), remote[Symbol.asyncDispose]()]);
}

/**
 * Both users subscribe to each other and see each other's presence, exchange messages both ways, and meet in a new room of
 * the internal server. Calls `tell` for each thing that crossed.
 *
 * @throws {Error} for the first thing that did not cross.
 */
export async function converse(couple: Couple, scene: Scene, tell: (crossing: Crossing) => void): Promise<void> {
	await forgetEachOther(couple);
	await subscribe(couple, tell);
	const id = randomBytes(3).toString("hex");
	await exchangeMessages(couple, id, tell);
	await meetInRoom(couple, `lounge-${id}@${scene.internal.roomsDomain}`, id, tell);
}

/** Takes each other off the rosters: an earlier run may have left them there. */
async function forgetEachOther({ internal, remote }: Couple): Promise<void> {
	const pairs = [
		[internal, remote],
		[remote, internal],
	] as const;
	for (const [one, other] of pairs) {
		const item = xml("item", { jid: other.jid, subscription: "remove" });
		const remove = one.request(one.jid, "set", xml("query", { xmlns: "jabber:iq:roster" }, item));
		// Who is not on the roster cannot be taken off it.
		await remove.catch(() => undefined);
	}
	// What taking off has sent to the other side must not arrive in what follows. Messages do not overtake it.
	for (const [one, other] of pairs) await other.receiveMessage(await one.sendMessage(other.jid, "ready?"));
	internal.received.length = 0;
	remote.received.length = 0;
}

async function subscribe({ internal, remote }: Couple, tell: (crossing: Crossing) => void): Promise<void> {
	const pairs = [
		[internal, remote],
		[remote, internal],
	] as const;
	for (const [one, other] of pairs) {
		const started = performance.now();
		await one.requestSubscription(other.jid);
		await other.grantSubscription(one.jid);
		await one.receivePresence(other.jid);
		tell(crossing(one.jid, other.jid, "subscribes and sees that the other is online", started));
	}
}

async function exchangeMessages(
	{ internal, remote }: Couple,
	id: string,
	tell: (crossing: Crossing) => void,
): Promise<void> {
	const messages = [
		[internal, remote, `Hello from the inside (${id})`],
		[remote, internal, `Hello from far away (${id})`],
		[internal, remote, `Shall we meet in the lounge? (${id})`],
	] as const;
	for (const [from, to, body] of messages) {
		const started = performance.now();
		const message = await to.receiveMessage(await from.sendMessage(to.jid, body));
		if (message.getChildText("body") !== body)
			throw new Error(`the message "${body}" arrived as ${message.toString()}`);
		tell(crossing(from.jid, to.jid, `"${body}"`, started));
	}
}

async function meetInRoom(
	{ internal, remote }: Couple,
	room: string,
	id: string,
	tell: (crossing: Crossing) => void,
): Promise<void> {
	await internal.joinRoom(room, "alice");
	const started = performance.now();
	await remote.joinRoom(room, "bob");
	tell(crossing(remote.jid, room, "joins", started));
	for (const [from, to, body] of [
		[remote, internal, `It is nice in here (${id})`],
		[internal, remote, `It is (${id})`],
	] as const) {
		const sent = performance.now();
		await from.sendGroupchat(room, body);
		await to.receiveGroupchat(room, body);
		tell(crossing(from.jid, room, `"${body}"`, sent));
	}
}

function crossing(from: string, to: string, what: string, started: number): Crossing {
	return { from, to, what, milliseconds: performance.now() - started };
}
