import type { EndpointFacts, FederationFacts } from "./facts.ts";
import { nameOf } from "./names.ts";
import { type DiagnosisCheck, ok, problem, unknown } from "./report.ts";

/** Whether each cluster's public addresses answer: to this machine, and to gateways of the other clusters. */
export function diagnoseReachability(federations: readonly FederationFacts[]): readonly DiagnosisCheck[] {
	return federations.flatMap((facts) => {
		const name = nameOf(facts);
		if (facts.endpoints.length === 0) {
			const remedy =
				"With spec.service.type LoadBalancer a load balancer gives one. Of NodePort and ClusterIP none is known.";
			return [unknown("Reachability", `${name}: its public Service has no address in status.endpoints`, remedy)];
		}
		return facts.endpoints.flatMap((endpoint) => [fromHere(name, endpoint), ...fromOthers(name, endpoint)]);
	});
}

function fromHere(name: string, { host, port, fromHere: tried }: EndpointFacts): DiagnosisCheck {
	const check = "Reachable from here";
	const where = `${name}: ${host} port ${port}`;
	if ("problem" in tried) {
		const remedy =
			"If this machine may reach it: look at the load balancer and the firewall (kubectl xmppfed firewall). Else see what the other clusters say.";
		return problem(check, `${where}: ${tried.problem}`, remedy);
	}
	const tls = tried.value.certificate ? "with TLS" : "without TLS";
	return ok(check, `${where} answers ${tls} after ${tried.value.milliseconds} ms`);
}

function fromOthers(name: string, { host, port, fromOthers: all }: EndpointFacts): readonly DiagnosisCheck[] {
	return all.map(({ cluster, node, result }) => {
		const check = `Reachable from ${cluster}`;
		const where = `${name}: ${host} port ${port}, from node ${node}`;
		if ("value" in result) return ok(check, `${where}: it answers`);
		// What could not be tried says nothing of the way there.
		if (result.problem.startsWith("you may not")) return unknown(check, `${where}: ${result.problem}`);
		const remedy = "Let the gateways of one cluster reach the other's address, as peers do: firewall, routes.";
		return problem(check, `${where}: ${result.problem}`, remedy);
	});
}
