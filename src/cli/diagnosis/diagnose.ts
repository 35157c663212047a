import { diagnoseCertificates } from "./certificates.ts";
import { diagnoseDns } from "./dns.ts";
import type { ClusterFacts, DiagnosisFacts, FederationFacts } from "./facts.ts";
import { diagnoseNodes } from "./nodes.ts";
import { diagnosePeers, openFailures } from "./peers.ts";
import { diagnoseReachability } from "./reachability.ts";
import { type DiagnosedFederation, type Diagnosis, type DiagnosisCheck, problem, values, verdicts } from "./report.ts";
import { diagnoseSettings } from "./settings.ts";
import { diagnoseImages, diagnoseOperators } from "./versions.ts";

/** What the facts mean: the federations of each domain compared with each other, cluster by cluster. Pure. */
export function diagnose({ at, clusters, lookups }: DiagnosisFacts): Diagnosis {
	const all = values(clusters.map(({ federations }) => federations)).flat();
	const domains = [...Map.groupBy(all, ({ domains: [domain = ""] }) => domain)].map(([domain, federations]) => ({
		domain,
		federations: federations.map(diagnosed),
		checks: inOrder([
			...diagnoseNodes(clusters, federations, domain),
			...diagnoseSettings(federations),
			...diagnoseCertificates(federations, at),
			...diagnoseImages(federations),
			...diagnoseDns(federations, lookups),
			...diagnoseReachability(federations),
			...diagnosePeers(federations),
		]),
	}));
	const ofClusters = inOrder([...clusters.flatMap(unreached), ...diagnoseOperators(clusters)]);
	const verdictsFound = [...ofClusters, ...domains.flatMap(({ checks }) => checks)].map(({ verdict }) => verdict);
	const count = (wanted: (typeof verdicts)[number]) => verdictsFound.filter((verdict) => verdict === wanted).length;
	return {
		at: at.toISOString(),
		clusters: clusters.map(({ cluster, operators }) => ({ cluster, operators: values([operators]).flat() })),
		domains,
		checks: ofClusters,
		summary: { Problem: count("Problem"), Difference: count("Difference"), Unknown: count("Unknown"), OK: count("OK") },
	};
}

/** Whether there is something to mend. */
export function hasFindings({ summary }: Diagnosis): boolean {
	return summary.Problem + summary.Difference > 0;
}

function unreached({ cluster, federations }: ClusterFacts): readonly DiagnosisCheck[] {
	if (!("problem" in federations)) return [];
	return [problem("Cluster", `${cluster}: ${federations.problem}`, "Nothing of this cluster is in the report.")];
}

/** The worst first; else as they are. */
function inOrder(checks: readonly DiagnosisCheck[]): readonly DiagnosisCheck[] {
	return checks.toSorted((a, b) => verdicts.indexOf(a.verdict) - verdicts.indexOf(b.verdict));
}

function diagnosed({ cluster, view, endpoints, peers }: FederationFacts): DiagnosedFederation {
	return {
		cluster,
		namespace: view.namespace,
		name: view.name,
		nodes: view.status.nodes.map(({ name, federation, ready, state }) => ({ name, federation, ready, state })),
		endpoints: endpoints.map(({ host, port, fromHere }) => ({ host, port, reached: "value" in fromHere })),
		...("value" in peers && { peers: peersOf(peers.value) }),
	};
}

function peersOf(answers: Extract<FederationFacts["peers"], { value: unknown }>["value"]) {
	const streams = answers.flatMap((answer) => ("status" in answer ? answer.status.streams : []));
	const connected = new Set(streams.flatMap(({ peer, authentication }) => (peer && authentication ? [peer] : [])));
	const failures = new Map(openFailures(answers).map(({ peer = "", cause = "" }) => [peer, cause]));
	return [...connected.union(new Set(failures.keys()))].toSorted().map((peer) => {
		const failure = failures.get(peer);
		return { peer, connected: connected.has(peer), ...(failure !== undefined && { failure }) };
	});
}
