import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Couple } from "../../../deploy/demo/conversation.ts";
import type { XmppClient } from "../xmpp/client.ts";

/** Milliseconds between two looks at what arrived: how exact times of arrival are. */
const LOOK_EVERY = 10;
/** Milliseconds without any arrival after which what is missing counts as lost. */
const QUIET = 15_000;

/** What became of the messages of one direction. */
export interface Delivery {
	readonly sent: number;
	readonly arrived: number;
	/** Came back with an error: the sender knows. */
	readonly returned: number;
	/** Neither arrived nor came back. */
	readonly lost: number;
	/** Arrived more than once. */
	readonly duplicates: number;
	/** Arrived after a message that had been sent later. */
	readonly outOfOrder: number;
	/** Longest time without an arrival while messages were being sent, in milliseconds. */
	readonly longestGap: number;
}

/** Numbered messages both ways at a fixed rate, from `start` until `stop`. */
export class Traffic {
	readonly #stopping = new AbortController();
	readonly #directions: readonly Direction[];
	readonly #sending: Promise<unknown>;
	readonly #looking: Promise<void>;

	/**
	 * @param perSecond messages of each direction in a second
	 * @param room where both are: the messages go there. Straight to the other one if absent
	 */
	static start({ internal, remote }: Couple, perSecond: number, room?: string): Traffic {
		const run = randomUUID().slice(0, 8);
		return new Traffic(
			[new Direction(internal, remote, `${run}-out`, room), new Direction(remote, internal, `${run}-in`, room)],
			perSecond,
		);
	}

	private constructor(directions: readonly Direction[], perSecond: number) {
		this.#directions = directions;
		this.#sending = Promise.all(directions.map((direction) => direction.send(perSecond, this.#stopping.signal)));
		this.#looking = this.#look();
	}

	/** Waits until a message that is sent from now on has arrived, in each direction. */
	async flows(timeout = 60_000): Promise<void> {
		await Promise.all(this.#directions.map((direction) => direction.arrives(direction.sent, timeout)));
	}

	/** Stops sending, and waits for what is on its way. */
	async stop(): Promise<{ readonly outgoing: Delivery; readonly incoming: Delivery }> {
		this.#stopping.abort();
		await this.#sending;
		await this.#looking;
		const [outgoing, incoming] = this.#directions.map((direction) => direction.delivery());
		if (!outgoing || !incoming) throw new Error("there are two directions");
		return { outgoing, incoming };
	}

	async #look(): Promise<void> {
		const complete = () => this.#directions.every((direction) => direction.complete);
		let lastChange = Date.now();
		while (!this.#stopping.signal.aborted || (!complete() && Date.now() - lastChange < QUIET)) {
			for (const direction of this.#directions) if (direction.look()) lastChange = Date.now();
			await sleep(LOOK_EVERY);
		}
	}
}

/** The messages from one client to another. Their ids end in their numbers. */
class Direction {
	readonly #from: XmppClient;
	readonly #to: XmppClient;
	readonly #prefix: string;
	readonly #room: string | undefined;
	readonly #arrivals: { readonly number: number; readonly at: number }[] = [];
	readonly #returned = new Set<number>();
	#seenByReceiver: number;
	#seenBySender: number;
	#startedAt = 0;
	#endedAt = 0;
	sent = 0;

	constructor(from: XmppClient, to: XmppClient, prefix: string, room: string | undefined) {
		this.#from = from;
		this.#to = to;
		this.#prefix = `${prefix}-`;
		this.#room = room;
		this.#seenByReceiver = to.received.length;
		this.#seenBySender = from.received.length;
	}

	async send(perSecond: number, signal: AbortSignal): Promise<void> {
		this.#startedAt = performance.now();
		while (!signal.aborted) {
			const [body, id] = [`message ${this.sent}`, `${this.#prefix}${this.sent}`];
			if (this.#room === undefined) await this.#from.sendMessage(this.#to.fullJid, body, id);
			else await this.#from.sendGroupchat(this.#room, body, id);
			this.sent++;
			const due = this.#startedAt + (this.sent * 1000) / perSecond;
			await sleep(Math.max(0, due - performance.now()));
		}
		this.#endedAt = performance.now();
	}

	/** Notes what has come since the last look; whether anything has. */
	look(): boolean {
		const before = this.#arrivals.length + this.#returned.size;
		const at = performance.now();
		for (; this.#seenByReceiver < this.#to.received.length; this.#seenByReceiver++) {
			const stanza = this.#to.received[this.#seenByReceiver];
			const number = this.#numberOf(stanza?.attrs.id);
			if (stanza?.attrs.type !== "error" && number !== undefined) this.#arrivals.push({ number, at });
		}
		for (; this.#seenBySender < this.#from.received.length; this.#seenBySender++) {
			const stanza = this.#from.received[this.#seenBySender];
			const number = this.#numberOf(stanza?.attrs.id);
			if (stanza?.attrs.type === "error" && number !== undefined) this.#returned.add(number);
		}
		return this.#arrivals.length + this.#returned.size > before;
	}

	get complete(): boolean {
		return new Set([...this.#arrivals.map(({ number }) => number), ...this.#returned]).size === this.sent;
	}

	/** Waits until a message with that number or a later one has arrived. */
	async arrives(number: number, timeout: number): Promise<void> {
		const deadline = Date.now() + timeout;
		while (!this.#arrivals.some((arrival) => arrival.number >= number)) {
			if (Date.now() > deadline) {
				const { arrived, returned } = this.delivery();
				throw new Error(
					`${this.#from.jid} → ${this.#to.jid}: nothing sent after message ${number} arrived within ${timeout / 1000} s ` +
						`(${this.sent} sent, ${arrived} arrived, ${returned} came back)`,
				);
			}
			await sleep(LOOK_EVERY);
		}
	}

	delivery(): Delivery {
		const arrived = new Set(this.#arrivals.map(({ number }) => number));
		const returnedOnly = [...this.#returned].filter((number) => !arrived.has(number));
		const during = this.#arrivals.map(({ at }) => at).filter((at) => at <= this.#endedAt);
		const times = [this.#startedAt, ...during, this.#endedAt];
		return {
			sent: this.sent,
			arrived: arrived.size,
			returned: returnedOnly.length,
			lost: this.sent - arrived.size - returnedOnly.length,
			duplicates: this.#arrivals.length - arrived.size,
			outOfOrder: this.#arrivals.filter(({ number }, index) => number < (this.#arrivals[index - 1]?.number ?? -1))
				.length,
			longestGap: Math.round(Math.max(...times.slice(1).map((at, index) => at - (times[index] ?? at)))),
		};
	}

	#numberOf(id: string | undefined): number | undefined {
		return id?.startsWith(this.#prefix) ? Number(id.slice(this.#prefix.length)) : undefined;
	}
}
