import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { aliasStates } from "./alias-states.ts";
import { federationStates } from "./federation-states.ts";
import { customizations, type LuaOutcome, returned, runLua } from "./lua.ts";
import { policyStates } from "./policy-states.ts";
import { type Resource, type State, yaml } from "./state.ts";

const kinds: readonly (readonly [kind: string, states: readonly State[]])[] = [
	["XmppFederation", federationStates],
	["FederationPolicy", policyStates],
	["ChatNodeAlias", aliasStates],
];
async function healths(kind: string, resources: readonly Resource[]): Promise<readonly LuaOutcome[]> {
	return await runLua(
		`${kind}/health.lua`,
		resources.map((obj) => ({ obj })),
	);
}

describe.each(kinds)("health of a %s", (kind, states) => {
	test("in every state is what it should be, and the tests for Argo CD's own repository say so", async () => {
		const outcomes = await healths(
			kind,
			states.map(({ resource }) => resource),
		);
		expect(outcomes).toEqual(
			states.map(({ health, message }) => ({
				returned: { status: health, message: expect.stringContaining(message) },
			})),
		);
		for (const { name, resource } of states) {
			await expect(yaml(resource)).toMatchFileSnapshot(join(customizations, kind, "testdata", `${name}.yaml`));
		}
		const tests = states.map(({ name }, index) => ({
			healthStatus: returned(outcomes[index]),
			inputPath: `testdata/${name}.yaml`,
		}));
		await expect(yaml({ tests })).toMatchFileSnapshot(join(customizations, kind, "health_test.yaml"));
	});

	test("for any conditions: healthy only where every word for this generation is good, an older word is none", async () => {
		const types = conditionTypes(states);
		const combinations = product(types);
		const resources = combinations.map((entries) => withConditions(kind, entries));
		const statuses = (await healths(kind, resources)).map((outcome) => status.parse(returned(outcome)).status);
		expect(new Set(statuses)).toEqual(new Set(["Progressing", "Degraded", "Healthy"]));
		const index = new Map(combinations.map((entries, at) => [JSON.stringify(entries), at]));
		for (const [at, entries] of combinations.entries()) {
			const forgotten = entries.map(([type, is]) => [type, is === "older" ? "absent" : is]);
			expect(statuses[at]).toBe(statuses[index.get(JSON.stringify(forgotten)) ?? -1]);
			const isGood = good.every(([type, is]) => !types.includes(type) || lookup(entries, type) === is);
			const refused = lookup(entries, "CertificateValid") === "False";
			expect([entries, statuses[at] === "Healthy"]).toEqual([entries, isGood && !refused]);
		}
	});
});

const values = ["absent", "older", "False", "True", "Unknown"] as const;
type Value = (typeof values)[number];
type Entries = readonly (readonly [type: string, is: Value])[];

/** As the conditions are where all is well, beside CertificateValid, which must not be False. */
const good: Entries = [
	["Accepted", "True"],
	["Programmed", "True"],
	["Ready", "True"],
	["Progressing", "False"],
	["Degraded", "False"],
];

const lookup = (entries: Entries, type: string) => entries.find(([name]) => name === type)?.[1];

function conditionTypes(states: readonly State[]): readonly string[] {
	const all = states.flatMap(({ resource }) => resource.status?.conditions ?? []).map(({ type }) => type);
	return [...new Set(all)];
}

/** Everything that can be said, condition by condition. */
function product(types: readonly string[]): readonly Entries[] {
	const [first, ...rest] = types;
	if (first === undefined) return [[]];
	const others = product(rest);
	return values.flatMap((value) => others.map((entries): Entries => [[first, value], ...entries]));
}

function withConditions(kind: string, entries: Entries): Resource {
	const conditions = entries.flatMap(([type, is]) =>
		is === "absent"
			? []
			: [
					{
						type,
						status: is === "older" ? "True" : is,
						observedGeneration: is === "older" ? 2 : 3,
						lastTransitionTime: "2026-06-01T12:00:00Z",
						reason: "AnyReason",
						message: "Anything.",
					},
				],
	);
	const metadata = { name: "any", namespace: "chat", generation: 3 };
	return { apiVersion: "xmppfed.dev/v1alpha1", kind, metadata, spec: {}, status: { conditions } };
}

const status = z.object({ status: z.string() });
