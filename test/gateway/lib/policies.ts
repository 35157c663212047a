import type { FederationPolicySpec } from "../../../src/api/federation-policy.ts";
import { policyListFiles } from "../../../src/gateway/policy.ts";
import { settingsFiles } from "../../../src/gateway/settings.ts";
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

/** Gives a node a policy, or none, as its settings; also while it runs. */
export async function mountPolicy(node: GatewayNode, given: CompiledPolicy | undefined): Promise<void> {
	const { policy: _before, ...intent } = node.intent;
	node.intent = { ...intent, ...(given && { policy: given.intent }) };
	const texts = new Map(given?.lists.map(({ digest, text }) => [digest, text]));
	const lists = Object.entries(policyListFiles(node.intent)).map(([file, digest]) => [file, texts.get(digest) ?? ""]);
	await node.mountSettings({ ...settingsFiles(node.intent), ...Object.fromEntries(lists) });
}

/** Waits until a node enforces a policy, or none. */
export async function enforces(node: GatewayNode, given: CompiledPolicy | undefined): Promise<void> {
	const digest = given && policyDigest(given.intent);
	await waitFor(`the policy ${digest ?? "(none)"} to be in force`, async () => {
		const { policy: found } = await node.status("federation");
		if (found?.digest !== digest || found?.failure !== undefined) throw new Error(JSON.stringify(found));
		return true;
	});
}
