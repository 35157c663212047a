import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { XmppClient } from "../../lib/xmpp/client.ts";

export interface TrafficResult {
	readonly sent: number;
	/** Neither arrived nor came back as an error. */
	readonly lost: number;
	/** Came back to the sender as an error. */
	readonly returned: number;
	readonly duplicated: number;
	/** How often a message came after one that was sent later. */
	readonly outOfOrder: number;
	/** Longest time between two messages at the receiver, in milliseconds. */
	readonly longestGap: number;
}

/** Messages from one client to another at a steady rate, from start to stop. */
export class Traffic {
	readonly #from: XmppClient;
	readonly #to: XmppClient;
	readonly #run = randomUUID();
	readonly #arrived: { readonly number: number; readonly at: number }[] = [];
	readonly #returned = new Set<number>();
	readonly #stops: (() => void)[];
	readonly #sending: Promise<void>;
	#sent = 0;
	#stopped = false;

	constructor(from: XmppClient, to: XmppClient, ratePerSecond: number) {
		this.#from = from;
		this.#to = to;
		const numberOf = (id: string | undefined) =>
			id?.startsWith(`${this.#run}/`) ? Number(id.slice(this.#run.length + 1)) : undefined;
		this.#stops = [
			to.observe((stanza) => {
				const number = numberOf(stanza.attrs.id);
				if (number !== undefined) this.#arrived.push({ number, at: performance.now() });
			}),
			from.observe((stanza) => {
				const number = numberOf(stanza.attrs.id);
				if (number !== undefined && stanza.attrs.type === "error") this.#returned.add(number);
			}),
		];
		this.#sending = this.#send(ratePerSecond);
	}

	/** How many have arrived. */
	get arrived(): number {
		return this.#arrived.length;
	}

	/** Stops sending, waits until nothing has come for `quietSeconds`, and counts. */
	async stop(quietSeconds = 5): Promise<TrafficResult> {
		this.#stopped = true;
		await this.#sending;
		let last = -1;
		const settled = () => this.#arrived.length + this.#returned.size;
		while (settled() < this.#sent && settled() !== last) {
			last = settled();
			await sleep(quietSeconds * 1000);
		}
		for (const stop of this.#stops) stop();
		const numbers = new Set(this.#arrived.map(({ number }) => number));
		let [outOfOrder, longestGap] = [0, 0];
		for (const [index, { number, at }] of this.#arrived.entries()) {
			const before = this.#arrived[index - 1];
			if (!before) continue;
			if (number < before.number) outOfOrder++;
			longestGap = Math.max(longestGap, Math.round(at - before.at));
		}
		return {
			sent: this.#sent,
			lost: this.#sent - new Set([...numbers, ...this.#returned]).size,
			returned: this.#returned.size,
			duplicated: this.#arrived.length - numbers.size,
			outOfOrder,
			longestGap,
		};
	}

	async #send(ratePerSecond: number): Promise<void> {
		const started = performance.now();
		while (!this.#stopped) {
			const due = ((performance.now() - started) * ratePerSecond) / 1000;
			while (this.#sent < due) {
				await this.#from.sendMessage(this.#to.fullJid, `message ${this.#sent}`, `${this.#run}/${this.#sent}`);
				this.#sent++;
			}
			await sleep(2);
		}
	}
}
