import type { FederationPolicySpec } from "../../../src/api/federation-policy.ts";
import { policyListFiles } from "../../../src/gateway/policy.ts";
import { liveSettings, revisionedSettings } from "../../../src/gateway/settings.ts";
import { type CompiledPolicy, compilePolicy, policyDigest } from "../../../src/model/policy/compile.ts";
import { waitFor } from "../../lib/xmpp/wait.ts";
import type { GatewayNode } from "./gateway-node.ts";

/** A policy as the operator gives it to nodes. */
export function policy(
	spec: Omit<FederationPolicySpec, "federationRef">,
	lists: Record<string, string> = {},
): CompiledPolicy {
	const configMaps = new Map(Object.entries(lists).map(([name, text]) => [name, { data: { list: text } }]));
	const compiled = compilePolicy({ federationRef: { name: "federation" }, ...spec }, configMaps);
	if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems));
	return compiled.policy;
}

/** Gives a node a policy, or none, while it runs: what a pod mounts with the strategy Live. */
export async function mountPolicy(node: GatewayNode, given: CompiledPolicy | undefined): Promise<void> {
	const { policy: _before, ...intent } = node.intent;
	node.intent = { ...intent, strategy: "Live", ...(given && { policy: given.intent }) };
	const texts = new Map(given?.lists.map(({ digest, text }) => [digest, text]));
	const lists = Object.entries(policyListFiles(node.intent)).map(([file, digest]) => [file, texts.get(digest) ?? ""]);
	await node.mountSettings({
		...revisionedSettings(node.intent),
		...liveSettings(node.intent),
		...Object.fromEntries(lists),
	});
}

/** Waits until a node enforces a policy, or none. */
export async function enforces(node: GatewayNode, given: CompiledPolicy | undefined): Promise<void> {
	const digest = given && policyDigest(given.intent);
	await waitFor(`the policy ${digest ?? "(none)"} to be in force`, async () => {
		const { policy: found, settings } = await node.inForce("federation");
		const isTaken = found && found.digest === digest && found.failure === undefined && settings.revision !== undefined;
		if (!isTaken) throw new Error(JSON.stringify({ found, settings }));
		return true;
	});
}
