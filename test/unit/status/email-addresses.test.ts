import { expect, test } from "vitest";
import { nodeRevision } from "../../../src/model/revision.ts";
import type { MappingReport } from "../../../src/rollout/live.ts";
import { lateForEmailAddresses } from "../../../src/status/email-address-nodes.ts";
import { emailAddressesInForce, emailAddressesStatus } from "../../../src/status/email-addresses-in-force.ts";
import type { FederationObservation, NodeObservation } from "../../../src/status/federation-observation.ts";
import { givenSecrets, modelled, now, sample } from "../fixtures/federation.ts";
import { observationOf } from "../fixtures/observation.ts";

const { intent } = modelled(sample("full"), givenSecrets);
const given = { digest: "0123456789", mappings: 12, writtenAt: now.toISOString() };
const problems = [{ reason: "EmailAddressesInvalid", field: "spec.emailAddresses", message: "no." }] as const;
const inForce: MappingReport = { digest: given.digest };

function observed(
	changes: Partial<FederationObservation> = {},
	reports: Readonly<Record<string, MappingReport | undefined>> = {},
	nodeChanges: Partial<NodeObservation> = {},
): FederationObservation {
	const nodes = intent.nodes.map((node): NodeObservation => {
		const mapping = node.name in reports ? reports[node.name] : inForce;
		const { name, federation } = node;
		const seen = { name, federation, revision: nodeRevision(node), ready: true, moving: false, trouble: "" };
		return { ...seen, ...(mapping && { mapping }), ...nodeChanges };
	});
	const emailAddresses = { given, isAwaited: false, problems: [] };
	const quiet = { generation: 1, plan: { steps: [], waiting: [] }, causes: [] };
	return observationOf(intent, { ...quiet, nodes, emailAddresses, ...changes });
}

test.each<[string, FederationObservation, string]>([
	["all have it", observed(), "True InForce: All 3 nodes have the addresses of 12 users."],
	["one has another", observed({}, { "gw-2": { digest: "other" } }), "False NodesPending: Not yet on gw-2."],
	["one has none yet", observed({}, { inside: {} }), "False NodesPending: Not yet on inside."],
	[
		"one refuses it",
		observed({}, { "gw-1": { digest: given.digest, failure: "file 3 is cut off" } }),
		"False NodesPending: Not yet on gw-1 (file 3 is cut off).",
	],
	["old pods drain", observed({}, {}, { moving: true }), "False NodesPending: Not yet on gw-1, gw-2, inside."],
	["pods are not ready", observed({}, {}, { ready: false }), "False NodesPending: Not yet on gw-1, gw-2, inside."],
	[
		"one does not say",
		observed({}, { "gw-1": undefined }),
		"Unknown NotReported: The router of gw-1 has not told the operator which addresses it uses: it cannot be asked, or " +
			"its image is too old to say so.",
	],
	[
		"it is refused, and there is one before",
		observed({ emailAddresses: { given, isAwaited: false, problems } }),
		"False EmailAddressesInvalid: spec.emailAddresses: no. The mapping before stays in force until that is mended.",
	],
	[
		"it is refused, and there is none",
		observed({ emailAddresses: { given: undefined, isAwaited: false, problems } }),
		"False EmailAddressesInvalid: spec.emailAddresses: no. Until then nothing of users goes out or comes in.",
	],
	[
		"a directory was not read yet, and there is none before",
		observed({ emailAddresses: { given: undefined, isAwaited: true, problems: [] } }),
		"False DirectoryNotRead: The directory has not been read yet. Until then nothing of users goes out or comes in.",
	],
	[
		"a directory was not read yet, and there is one before",
		observed({ emailAddresses: { given, isAwaited: true, problems: [] } }),
		"False DirectoryNotRead: The directory has not been read yet. The mapping before stays in force until then.",
	],
	[
		"it could not be written",
		observed({ emailAddresses: { given: undefined, isAwaited: false, problems: [] } }),
		"False NoMapping: The mapping is not written; see the condition Degraded. Until then nothing of users goes out or " +
			"comes in.",
	],
])("the condition EmailAddressesInForce: %s", (_name, observation, expected) => {
	const { status, reason, message } = emailAddressesInForce(observation) ?? {};
	expect(`${status} ${reason}: ${message}`).toBe(expected);
});

test("there is no such condition without email addresses, and it stays while the resource is not accepted", () => {
	expect(emailAddressesInForce(observed({ emailAddresses: undefined }))).toBeUndefined();
	expect(emailAddressesStatus(observed({ emailAddresses: undefined }))).toEqual({});
	const refused = observed({ intent: undefined, emailAddresses: undefined });
	expect(emailAddressesInForce(refused)).toBeUndefined();
	const before = { status: "True", reason: "InForce", message: "" } as const;
	expect(emailAddressesInForce(refused, before)).toMatchObject({ status: "Unknown", reason: "NotAccepted" });
});

test("after a start of the operator what was in force is, until the directory says otherwise", () => {
	const awaited = observed({ emailAddresses: { given, isAwaited: true, problems: [] } });
	const before = { status: "True", reason: "InForce", message: "All.", observedGeneration: 1 } as const;
	expect(emailAddressesInForce(awaited, before)).toBe(before);
	expect(emailAddressesInForce(awaited, { ...before, observedGeneration: 0 })?.reason).toBe("DirectoryNotRead");
});

test("status counts the users and the nodes that have them", () => {
	expect(emailAddressesStatus(observed({}, { "gw-1": {} }))).toEqual({
		emailAddresses: { mappings: 12, digest: given.digest, nodesInForce: 2 },
	});
});

test("pods look for new files for 30 s after these were written, where they have not taken them", () => {
	const seen = observed({}, { "gw-1": {}, "gw-2": undefined });
	const after = (seconds: number) => new Date(now.getTime() + seconds * 1000);
	expect(lateForEmailAddresses(seen, after(0))).toEqual(["gw-1"]);
	expect(lateForEmailAddresses(seen, after(30))).toEqual(["gw-1"]);
	expect(lateForEmailAddresses(seen, after(31))).toEqual([]);
	expect(lateForEmailAddresses(observed(), after(0))).toEqual([]);
	const { writtenAt: _unknown, ...withoutTime } = given;
	expect(
		lateForEmailAddresses({ ...seen, emailAddresses: { given: withoutTime, isAwaited: false, problems: [] } }, now),
	).toEqual([]);
});
