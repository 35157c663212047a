import type { ClusterFacts, FederationFacts } from "./facts.ts";
import { counted, listed, nameOf } from "./names.ts";
import { type DiagnosisCheck, ok, problem, unknown } from "./report.ts";

/** Each cluster needs an Enabled node that is ready (R14), and every node what its resource asks for. */
export function diagnoseNodes(
	clusters: readonly ClusterFacts[],
	federations: readonly FederationFacts[],
	domain: string,
): readonly DiagnosisCheck[] {
	return [
		...clusters.flatMap(({ cluster, federations: found }) => {
			// What cannot be talked to is told once, of the cluster.
			if ("problem" in found) return [];
			return [
				enabledIn(
					cluster,
					federations.filter((facts) => facts.cluster === cluster),
					domain,
				),
			];
		}),
		...federations.map(statesOf),
	];
}

function enabledIn(cluster: string, federations: readonly FederationFacts[], domain: string): DiagnosisCheck {
	const check = "Enabled node";
	if (federations.length === 0) {
		const remedy = "Make one there, or leave the cluster out. -A looks at all namespaces.";
		return problem(check, `${cluster}: no federation of ${domain}`, remedy);
	}
	const nodes = federations.flatMap(({ view }) => view.status.nodes);
	const enabled = nodes.filter(({ federation }) => federation === "Enabled");
	if (enabled.length === 0) {
		const remedy = "Set federation: Enabled at one of spec.nodes: peers that come to this cluster find nobody.";
		return problem(check, `${cluster}: no node is Enabled`, remedy);
	}
	const ready = enabled.filter((node) => node.ready);
	const names = listed((ready.length === 0 ? enabled : ready).map(({ name }) => name));
	return ready.length === 0
		? problem(
				check,
				`${cluster}: no Enabled node is ready (${names})`,
				"See what kubectl xmppfed status NAME says of them.",
			)
		: ok(check, `${cluster}: ${names}`);
}

/** Conditions that say what is wrong, with the status that is well. */
const conditions = { Accepted: "True", Ready: "True", Degraded: "False" } as const;

function statesOf(facts: FederationFacts): DiagnosisCheck {
	const check = "Nodes";
	const { status, generation } = facts.view;
	const name = nameOf(facts);
	if ((status.observedGeneration ?? 0) < generation) {
		const remedy = "See that the operator runs and that it looks at this namespace.";
		return problem(check, `${name}: the operator has not seen the resource as it is now`, remedy);
	}
	const wrong = Object.entries(conditions).flatMap(([type, good]) => {
		const found = status.conditions.find((condition) => condition.type === type);
		return found && found.status !== good ? [`${type} is ${found.status}: ${found.message}`] : [];
	});
	const behind = status.nodes.filter(({ state }) => state !== "Current");
	if (behind.length > 0) {
		const list = behind.map((node) => `${node.name} ${node.state}${node.message ? ` (${node.message})` : ""}`);
		return problem(
			check,
			`${name}: ${list.join(", ")}`,
			"Until they are Current they may run other settings. kubectl xmppfed status NAME says what they wait for.",
		);
	}
	if (wrong.length > 0) return problem(check, `${name}: ${wrong.join(" ")}`, "The message says what to do.");
	if (status.nodes.length === 0) return unknown(check, `${name}: its status names no node`);
	return ok(check, `${name}: ${counted(status.nodes.length, "node runs", "nodes run")} what the resource asks for`);
}
