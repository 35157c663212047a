import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { isPaused } from "../../../src/cli/orders.ts";
import { rolloutOrders } from "../../../src/model/rollout-orders.ts";
import { sample } from "../../unit/fixtures/federation.ts";
import { federationStates } from "./federation-states.ts";
import { customizations, type LuaOutcome, returned, runLua } from "./lua.ts";
import { type Resource, yaml } from "./state.ts";

const actions = "XmppFederation/actions";

function inState(name: string): Resource {
	const found = federationStates.find((state) => state.name === name);
	if (!found) throw new Error(`there is no state ${name}`);
	return found.resource;
}

const running = inState("healthy_all_nodes_ready");
const paused = inState("suspended_paused");
const restarting = inState("progressing_roll_out");

function annotated(resource: Resource, annotations: Record<string, string>): Resource {
	return { ...resource, metadata: { ...resource.metadata, annotations } };
}

async function act(name: string, obj: Resource, parameters: Record<string, string> = {}): Promise<LuaOutcome> {
	const [outcome] = await runLua(`${actions}/${name}/action.lua`, [{ obj, parameters }]);
	if (!outcome) throw new Error("the action did not run");
	return outcome;
}

/** What the operator makes of the resource that an action returned. */
function orders(outcome: LuaOutcome, resource: Resource) {
	// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- an action returns the resource
	const { metadata, ...rest } = returned(outcome) as Resource;
	// Nothing else is changed.
	expect({ ...rest, metadata: { ...metadata, annotations: undefined } }).toEqual({
		...resource,
		metadata: { ...resource.metadata, annotations: undefined },
	});
	const stored = sample("smallest", (spec) => {
		spec.nodes = ["gw-1", "gw-2"].map((name) => ({ name, federation: "Enabled" }));
	});
	const { annotations = {} } = metadata;
	const read = rolloutOrders({ ...stored, metadata: { ...stored.metadata, annotations } }, new Date());
	expect(read.problems).toEqual([]);
	expect(isPaused(metadata)).toBe(read.orders.paused);
	return read.orders;
}

describe("actions", () => {
	test.each([
		["running", running, { pause: false, resume: true }],
		["paused", paused, { pause: true, resume: false }],
		["paused by what cannot be read", inState("degraded_unclear_annotation"), { pause: true, resume: false }],
	])("that are offered for one that is %s", async (_what, obj, { pause, resume }) => {
		const [outcome] = await runLua(`${actions}/discovery.lua`, [{ obj }]);
		expect(returned(outcome)).toEqual({
			restart: [],
			"restart-node": { params: [{ name: "node" }] },
			pause: { disabled: pause },
			resume: { disabled: resume },
		});
	});

	test("pause and resume are what the operator takes for it", async () => {
		expect(orders(await act("pause", running), running).paused).toBe(true);
		expect(orders(await act("resume", paused), paused).paused).toBe(false);
		const others = annotated(running, { "xmppfed.dev/paused": "true", team: "chat" });
		expect(returned(await act("resume", others))).toMatchObject({ metadata: { annotations: { team: "chat" } } });
	});

	test("restart asks for all nodes, now, whatever was asked before", async () => {
		const before = annotated(restarting, { "xmppfed.dev/restart": "gw-1@2026-01-31T12:00:00Z" });
		for (const obj of [running, before]) {
			const { restarts } = orders(await act("restart", obj), obj);
			expect(restarts).toEqual([{ at: expect.any(String) }]);
			expect(Math.abs(Date.parse(restarts[0]?.at ?? "") - Date.now())).toBeLessThan(60_000);
		}
	});

	test("restart-node asks for one, and what is not carried out yet stays asked for", async () => {
		const [node, at] = ["gw-2", expect.any(String)];
		expect(orders(await act("restart-node", running, { node }), running).restarts).toEqual([{ node, at }]);
		const asked = { "xmppfed.dev/restart": "gw-1@2026-01-31T12:00:00Z" };
		const open = annotated(restarting, asked);
		expect(orders(await act("restart-node", open, { node }), open).restarts).toEqual([
			{ node: "gw-1", at: "2026-01-31T12:00:00.000Z" },
			{ node, at },
		]);
		const done = annotated(running, asked);
		expect(orders(await act("restart-node", done, { node }), done).restarts).toEqual([{ node, at }]);
	});

	test.each<Record<string, string>>([{ node: "gw-3" }, {}])("restart-node refuses %o", async (parameters) => {
		const error = `there is no node "${parameters["node"] ?? ""}" in spec.nodes. There are: gw-1, gw-2`;
		expect(await act("restart-node", running, parameters)).toEqual({ error });
	});
});

/** But for the restarts, which have the time in them: Argo CD's test compares texts. */
test("the tests for Argo CD's own repository are those of today's resources", async () => {
	const inputs = { running, paused };
	for (const [name, resource] of Object.entries(inputs)) {
		await expect(yaml(resource)).toMatchFileSnapshot(join(customizations, actions, "testdata", `${name}.yaml`));
	}
	const restarts = [{ name: "restart" }, { name: "restart-node", params: [{ name: "node" }] }];
	const switches = (still: boolean) => [
		{ name: "pause", disabled: still },
		{ name: "resume", disabled: !still },
	];
	const file = (name: keyof typeof inputs) => `testdata/${name}.yaml`;
	const tests = {
		discoveryTests: [
			{ inputPath: file("running"), result: [...restarts, ...switches(false)] },
			{ inputPath: file("paused"), result: [...restarts, ...switches(true)] },
		],
		actionTests: [
			{ action: "pause", inputPath: file("running"), expectedOutputPath: file("paused") },
			{ action: "resume", inputPath: file("paused"), expectedOutputPath: file("running") },
			{
				action: "restart-node",
				inputPath: file("running"),
				expectedErrorMessage: 'there is no node "gw-3" in spec.nodes. There are: gw-1, gw-2',
				parameters: { node: "gw-3" },
			},
		],
	};
	await expect(yaml(tests)).toMatchFileSnapshot(join(customizations, actions, "action_test.yaml"));
});
