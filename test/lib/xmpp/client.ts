import { randomUUID } from "node:crypto";
import { type Client, client, type Element, xml } from "@xmpp/client";
import type { Account } from "./account.ts";

const ns = {
	discoInfo: "http://jabber.org/protocol/disco#info",
	muc: "http://jabber.org/protocol/muc",
	mucOwner: "http://jabber.org/protocol/muc#owner",
	mucUser: "http://jabber.org/protocol/muc#user",
	roster: "jabber:iq:roster",
	ping: "urn:xmpp:ping",
	stanzaErrors: "urn:ietf:params:xml:ns:xmpp-stanzas",
} as const;

/** Milliseconds that anything may take which another server has a part in. */
const TIMEOUT = 30_000;

/** The error in a stanza of type error (RFC 6120 section 8.3). */
export interface StanzaError {
	readonly type: string;
	readonly condition: string;
	readonly text: string | undefined;
}

export class StanzaErrorReceived extends Error {
	override readonly name = "StanzaErrorReceived";
	readonly error: StanzaError;
	constructor(error: StanzaError, from: string | undefined) {
		super(
			`${from ?? "the server"} answered with ${error.condition} (${error.type})${error.text ? `: ${error.text}` : ""}`,
		);
		this.error = error;
	}
}

/** A logged-in user. It keeps every stanza it has received, so that waiting for one cannot come too late. */
export class XmppClient implements AsyncDisposable {
	/** Bare JID. */
	readonly jid: string;
	/** JID with resource. */
	readonly fullJid: string;
	readonly received: Element[] = [];
	readonly #connection: Client;
	readonly #waiting = new Set<() => void>();
	readonly #observers = new Set<(stanza: Element) => void>();

	/** Logs in with the password, and is available from then on. */
	static async login(account: Account, resource = `test-${randomUUID().slice(0, 8)}`): Promise<XmppClient> {
		const connection = client({
			service: `xmpp://${account.host.includes(":") ? `[${account.host}]` : account.host}:${account.port}`,
			domain: account.domain,
			username: account.user,
			password: account.password,
			resource,
			timeout: 10_000,
		});
		connection.reconnect.stop();
		const self = new XmppClient(connection, account, resource);
		try {
			await connection.start();
		} catch (error) {
			await connection.stop().catch(() => {});
			throw new Error(`${self.jid} could not log in at ${account.host}:${account.port}`, { cause: error });
		}
		// Answers to subscription requests go to clients that have asked for the roster (RFC 6121 section 2.2).
		await self.request(self.jid, "get", xml("query", { xmlns: ns.roster }));
		await connection.send(xml("presence"));
		return self;
	}

	private constructor(connection: Client, account: Account, resource: string) {
		this.#connection = connection;
		this.jid = `${account.user}@${account.domain}`;
		this.fullJid = `${this.jid}/${resource}`;
		connection.on("stanza", (stanza) => {
			this.received.push(stanza);
			for (const check of this.#waiting) check();
			for (const observe of this.#observers) observe(stanza);
		});
		// Without a listener an error of the connection would end the test process; what it broke fails by itself.
		connection.on("error", () => {});
	}

	async [Symbol.asyncDispose](): Promise<void> {
		if (this.#connection.status === "online") await this.#connection.stop();
	}

	async send(stanza: Element): Promise<void> {
		await this.#connection.send(stanza);
	}

	/** Calls `observer` with every stanza from now on. Gives what stops that. */
	observe(observer: (stanza: Element) => void): () => void {
		this.#observers.add(observer);
		return () => this.#observers.delete(observer);
	}

	/**
	 * The first stanza, received before or from now on, that `matches`.
	 *
	 * @throws {Error} naming `description` and what came last, after `timeout` milliseconds.
	 */
	async receive(description: string, matches: (stanza: Element) => boolean, timeout = TIMEOUT): Promise<Element> {
		const already = this.received.find(matches);
		if (already) return already;
		return await new Promise((resolve, reject) => {
			const check = () => {
				const last = this.received.at(-1);
				if (!last || !matches(last)) return;
				finish();
				resolve(last);
			};
			const timer = setTimeout(() => {
				finish();
				const latest = this.received.slice(-3).map((stanza) => `\n  ${stanza.toString()}`);
				reject(
					new Error(
						`${this.jid} waited ${timeout / 1000} s in vain for ${description}; it received last:${latest.join("")}`,
					),
				);
			}, timeout);
			const finish = () => {
				clearTimeout(timer);
				this.#waiting.delete(check);
			};
			this.#waiting.add(check);
		});
	}

	/** Sends a chat message; gives its id. */
	async sendMessage(to: string, body: string, id: string = randomUUID()): Promise<string> {
		await this.send(xml("message", { to, id, type: "chat" }, xml("body", {}, body)));
		return id;
	}

	/** The message with that id. @throws {StanzaErrorReceived} where an error came back for it instead. */
	async receiveMessage(id: string, timeout = TIMEOUT): Promise<Element> {
		const message = await this.receive(
			`message ${id}`,
			(stanza) => stanza.is("message") && stanza.attrs.id === id,
			timeout,
		);
		if (message.attrs.type === "error") throw new StanzaErrorReceived(errorOf(message), message.attrs.from);
		return message;
	}

	/** The error that came back for the message with that id. */
	async receiveError(id: string, timeout = TIMEOUT): Promise<StanzaError> {
		const isError = (stanza: Element) => stanza.attrs.type === "error" && stanza.attrs.id === id;
		return errorOf(await this.receive(`an error for ${id}`, isError, timeout));
	}

	/** Asks to see the presence of another user (RFC 6121 section 3). */
	async requestSubscription(to: string): Promise<void> {
		await this.send(xml("presence", { to, type: "subscribe" }));
	}

	/** Waits for the other's request and grants it. */
	async grantSubscription(from: string): Promise<void> {
		await this.receivePresence(from, "subscribe");
		await this.send(xml("presence", { to: from, type: "subscribed" }));
	}

	/** A presence of that type (undefined is available) from a bare or full JID. */
	async receivePresence(from: string, type?: string, timeout = TIMEOUT): Promise<Element> {
		return await this.receive(
			`presence ${type ?? "available"} from ${from}`,
			(stanza) =>
				stanza.is("presence") &&
				stanza.attrs.type === type &&
				(stanza.attrs.from === from || stanza.attrs.from?.startsWith(`${from}/`) === true),
			timeout,
		);
	}

	/** XEP-0199. Gives the time it took in milliseconds. */
	async ping(to: string): Promise<number> {
		const started = performance.now();
		await this.request(to, "get", xml("ping", { xmlns: ns.ping }));
		return performance.now() - started;
	}

	/** XEP-0030: the features of an entity. */
	async discoverFeatures(of: string): Promise<string[]> {
		const result = await this.request(of, "get", xml("query", { xmlns: ns.discoInfo }));
		const query = result.getChild("query", ns.discoInfo);
		return (query?.getChildren("feature") ?? []).flatMap((feature) => feature.attrs.var ?? []);
	}

	/**
	 * Joins a room and waits until it is in (XEP-0045 section 7.2). Who makes the room by this opens it for others.
	 */
	async joinRoom(room: string, nick: string): Promise<void> {
		await this.send(xml("presence", { to: `${room}/${nick}` }, xml("x", { xmlns: ns.muc })));
		const own = await this.receive(`its own presence in ${room}`, (stanza) => {
			if (!stanza.is("presence") || stanza.attrs.from?.startsWith(`${room}/`) !== true) return false;
			return stanza.attrs.type === "error" || statusCodes(stanza).includes("110");
		});
		if (own.attrs.type === "error") throw new StanzaErrorReceived(errorOf(own), own.attrs.from);
		if (!statusCodes(own).includes("201")) return;
		const accept = xml("query", { xmlns: ns.mucOwner }, xml("x", { xmlns: "jabber:x:data", type: "submit" }));
		await this.request(room, "set", accept);
	}

	/** Invites somebody to a room that this user is in; the room passes it on (XEP-0045 section 7.8.2). */
	async inviteToRoom(room: string, invitee: string, reason: string): Promise<void> {
		const invite = xml("invite", { to: invitee }, xml("reason", {}, reason));
		await this.send(xml("message", { to: room }, xml("x", { xmlns: ns.mucUser }, invite)));
	}

	/** Waits for an invitation to a room. Gives who invited. */
	async receiveInvitation(room: string, reason: string): Promise<string> {
		const invitation = (stanza: Element) => stanza.getChild("x", ns.mucUser)?.getChild("invite");
		const message = await this.receive(
			`an invitation to ${room}`,
			(stanza) => stanza.attrs.from === room && invitation(stanza)?.getChildText("reason") === reason,
		);
		return invitation(message)?.attrs.from ?? "";
	}

	/** Sends a message to a room; gives its id. */
	async sendGroupchat(room: string, body: string, id: string = randomUUID()): Promise<string> {
		await this.send(xml("message", { to: room, id, type: "groupchat" }, xml("body", {}, body)));
		return id;
	}

	async receiveGroupchat(room: string, body: string, timeout = TIMEOUT): Promise<Element> {
		return await this.receive(
			`"${body}" in ${room}`,
			(stanza) =>
				stanza.is("message") &&
				stanza.attrs.type === "groupchat" &&
				stanza.attrs.from?.startsWith(`${room}/`) === true &&
				stanza.getChildText("body") === body,
			timeout,
		);
	}

	/** Sends an IQ and gives its result. @throws {StanzaErrorReceived} where the answer is an error. */
	async request(to: string, type: "get" | "set", payload: Element, timeout = TIMEOUT): Promise<Element> {
		const id = randomUUID();
		await this.send(xml("iq", { to, type, id }, payload));
		const answer = await this.receive(
			`an answer of ${to} to ${payload.name}`,
			(stanza) =>
				stanza.is("iq") && stanza.attrs.id === id && (stanza.attrs.type === "result" || stanza.attrs.type === "error"),
			timeout,
		);
		if (answer.attrs.type === "error") throw new StanzaErrorReceived(errorOf(answer), answer.attrs.from);
		return answer;
	}
}

function statusCodes(presence: Element): (string | undefined)[] {
	return (
		presence
			.getChild("x", ns.mucUser)
			?.getChildren("status")
			.map((status) => status.attrs.code) ?? []
	);
}

function errorOf(stanza: Element): StanzaError {
	const error = stanza.getChild("error");
	const children = error?.getChildElements() ?? [];
	const condition = children.find((child) => child.attrs.xmlns === ns.stanzaErrors && child.name !== "text");
	return {
		type: error?.attrs.type ?? "(none)",
		condition: condition?.name ?? "(none)",
		text: error?.getChildText("text", ns.stanzaErrors) ?? undefined,
	};
}
