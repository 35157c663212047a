import { setTimeout as sleep } from "node:timers/promises";
import { waitFor } from "../../lib/xmpp/wait.ts";
import type { RawClient } from "./raw-client.ts";

/** Messages of each sender to its receiver. */
export interface Flow {
	readonly from: RawClient;
	readonly to: RawClient;
}

/** How many messages are on their way at full load: less than the gateway lets wait (1 MiB). */
const WINDOW = 2500;
/** How many messages one sender sends in one piece at full load. */
const BATCH = 25;

/** A message as people send them: 100 characters, and what a client of today adds. */
export type Shape = "plain" | "rich";

const body = "The quick brown fox jumps over the lazy dog, and nobody can tell why it does so all the time again.";
const extras =
	"<active xmlns='http://jabber.org/protocol/chatstates'/><request xmlns='urn:xmpp:receipts'/>" +
	"<markable xmlns='urn:xmpp:chat-markers:0'/><origin-id xmlns='urn:xmpp:sid:0' id='5f3dbc5e-e1d3-4077-a492-693f3769c7ad'/>";

export function message(to: string, id: string, shape: Shape): string {
	const more = shape === "rich" ? extras : "";
	return `<message to='${to}' id='${id}' type='chat'><body>${body}</body>${more}</message>`;
}

export function distinct(clients: readonly RawClient[]): RawClient[] {
	return [...new Set(clients)];
}

/** Sends a message on each flow and waits until all have come: from then on every stream is there. */
export async function openStreams(flows: readonly Flow[]): Promise<void> {
	const receivers = distinct(flows.map(({ to }) => to));
	const expected = new Map(receivers.map((client) => [client, client.received]));
	for (const { from, to } of flows) {
		from.send(message(to.jid, "first", "plain"));
		expected.set(to, (expected.get(to) ?? 0) + 1);
	}
	await waitFor("the first message of each flow", () => {
		failed(flows);
		return receivers.every((client) => client.received >= (expected.get(client) ?? 0));
	});
}

/**
 * Full load: as many messages as come through, with at most WINDOW on their way. `during` runs while messages flow and
 * gets a function that tells how many have arrived; its end ends the load.
 */
export async function fullLoad<T>(
	flows: readonly Flow[],
	shape: Shape,
	during: (arrived: () => number) => Promise<T>,
): Promise<T> {
	const batches = flows.map(({ from, to }) => {
		const batch = Buffer.from(message(to.jid, "load", shape).repeat(BATCH));
		return () => from.send(batch);
	});
	let [sent, arrived, next, stopped] = [0, 0, 0, false];
	const fill = () => {
		if (stopped) return;
		while (sent - arrived <= WINDOW - BATCH) {
			batches[next]?.();
			next = (next + 1) % batches.length;
			sent += BATCH;
		}
	};
	const receivers = distinct(flows.map(({ to }) => to));
	for (const receiver of receivers) {
		receiver.onMessages = (count) => {
			arrived += count;
			fill();
		};
	}
	fill();
	const result = await during(() => arrived);
	stopped = true;
	await waitFor("the last messages", () => {
		failed(flows);
		return arrived === sent;
	});
	for (const receiver of receivers) receiver.onMessages = () => {};
	return result;
}

/** A steady load of `rate` messages a second over all flows; the rest as with `fullLoad`. */
export async function steadyLoad<T>(
	flows: readonly Flow[],
	shape: Shape,
	rate: number,
	during: (arrived: () => number) => Promise<T>,
): Promise<T> {
	const messages = flows.map(({ from, to }) => {
		const text = Buffer.from(message(to.jid, "load", shape));
		return () => from.send(text);
	});
	let [sent, arrived] = [0, 0];
	const receivers = distinct(flows.map(({ to }) => to));
	for (const receiver of receivers) {
		receiver.onMessages = (count) => {
			arrived += count;
		};
	}
	const started = performance.now();
	const timer = setInterval(() => {
		const due = ((performance.now() - started) * rate) / 1000;
		for (; sent < due; sent++) messages[sent % messages.length]?.();
	}, 2);
	const result = await during(() => arrived);
	clearInterval(timer);
	await waitFor("the last messages", () => {
		failed(flows);
		return arrived === sent;
	});
	for (const receiver of receivers) receiver.onMessages = () => {};
	return result;
}

/** Times from sender to receiver in milliseconds, of messages sent one by one, `interval` milliseconds apart. */
export async function latencies(flows: readonly Flow[], count: number, interval: number): Promise<number[]> {
	const sentAt: number[] = [];
	const times: number[] = [];
	const receivers = distinct(flows.map(({ to }) => to));
	for (const receiver of receivers) {
		receiver.onText = (text) => {
			const now = performance.now();
			for (const [, number] of text.matchAll(/ id='n(\d+)'/g)) times.push(now - (sentAt[Number(number)] ?? now));
		};
	}
	for (let number = 0; number < count; number++) {
		const flow = flows[number % flows.length];
		sentAt[number] = performance.now();
		flow?.from.send(message(flow.to.jid, `n${number}`, "plain"));
		await sleep(interval);
	}
	await waitFor("the last messages", () => {
		failed(flows);
		return times.length === count;
	});
	for (const receiver of receivers) receiver.onText = undefined;
	return times;
}

/** @throws the reason why a client cannot go on. */
export function failed(flows: readonly Flow[]): void {
	for (const { from, to } of flows) {
		const failure = from.failure ?? to.failure;
		if (failure) throw failure;
	}
}

/** The value below which that part (0 to 1) of the values is. */
export function quantile(values: readonly number[], part: number): number {
	const sorted = values.toSorted((a, b) => a - b);
	return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}
