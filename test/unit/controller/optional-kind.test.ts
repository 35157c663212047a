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

const store = async ({ store: found }: { readonly store: object }) => await Promise.resolve(found);

test("a kind that is not there is asked for each time that somebody needs it, and never watched", async () => {
	const { state, kind } = server();
	const found = [kind.isUsed, await kind.use(store), await kind.use(store), kind.isUsed];
	expect(found).toEqual([false, undefined, undefined, false]);
	expect(state).toMatchObject({ lists: 2, watches: 0 });
});

test("a kind that is there is watched once, however many need it at the same time", async () => {
	const { state, kind } = server();
	state.has = true;
	const found = await Promise.all([kind.use(store), kind.use(store), kind.use(store)]);
	expect(new Set(found).size).toBe(1);
	expect(await kind.use(store)).toBe(found[0]);
	// One to see whether it is there, one to fill the store
	expect([kind.isUsed, state.lists]).toEqual([true, 2]);
});

test("a kind that goes while something is done with it is not there; whatever else is refused is told", async () => {
	const { state, kind } = server();
	state.has = true;
	const call = { verb: "apply", resource: "certificates" } as const;
	const refuse = (status: number, body: unknown) => () => Promise.reject(new ApiError(call, status, body));
	expect(await kind.use(refuse(404, "404 page not found"))).toBeUndefined();
	await expect(
		kind.use(refuse(404, { kind: "Status", reason: "NotFound", message: "no such object" })),
	).rejects.toThrow("no such object");
	await expect(kind.use(refuse(403, { kind: "Status", reason: "Forbidden", message: "no" }))).rejects.toThrow("no");
});
