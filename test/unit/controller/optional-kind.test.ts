import { pino } from "pino";
import { expect, onTestFinished, test } from "vitest";
import { OptionalKind } from "../../../src/controller/optional-kind.ts";
import type { KubernetesClient } from "../../../src/kubernetes/client.ts";
import { ApiError } from "../../../src/kubernetes/errors.ts";
import { certificates } from "../../../src/kubernetes/resources.ts";

/** Stands for the API server: it has the kind or not, and lists nothing of it. */
function server() {
	const state = { has: false, lists: 0, watches: 0 };
	const answer = () => {
		if (!state.has) throw new ApiError({ verb: "list", resource: "certificates" }, 404, "404 page not found");
	};
	const client = {
		list: async () => {
			state.lists++;
			answer();
			return await Promise.resolve({ items: [], resourceVersion: "1" });
		},
		watch: async function* (_resource: unknown, { onOpen, signal }: { onOpen: () => void; signal: AbortSignal }) {
			state.watches++;
			answer();
			onOpen();
			await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
			yield* [];
		},
	};
	const stopping = new AbortController();
	onTestFinished(() => stopping.abort());
	const kind = new OptionalKind(
		// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the part of a client that is used
		{ client: client as unknown as KubernetesClient, log: pino({ enabled: false }), resource: certificates },
		stopping.signal,
	);
	return { state, kind };
}

test("a kind that is not there is asked for each time that somebody needs it, and never watched", async () => {
	const { state, kind } = server();
	expect([kind.isUsed, await kind.use(), await kind.use(), kind.isUsed]).toEqual([false, undefined, undefined, false]);
	expect(state).toMatchObject({ lists: 2, watches: 0 });
});

test("a kind that is there is watched once, however many need it at the same time", async () => {
	const { state, kind } = server();
	state.has = true;
	const found = await Promise.all([kind.use(), kind.use(), kind.use()]);
	expect(new Set(found.map((owned) => owned?.store)).size).toBe(1);
	expect(await kind.use()).toBe(found[0]);
	// One to see whether it is there, one to fill the store
	expect([kind.isUsed, state.lists]).toEqual([true, 2]);
});
