import { linkCertificateSecretName } from "../model/names.ts";
import { describeProblems, type Problem, strung } from "../model/problem.ts";
import { type Reasons, type Verdict, verdicts } from "./condition.ts";
import type { FederationObservation } from "./federation-observation.ts";

/** Those of problems besides. */
export const degradedReasons = {
	AsExpected: "False",
	UpstreamUnreachable: "True",
	DomainNotServed: "True",
	NodeFailing: "True",
	LinkCertificateUnusable: "True",
	SettingsNotInForce: "True",
} as const satisfies Reasons;

const verdict = verdicts(degradedReasons);

/** Degraded: something takes from the service, and somebody has to do something about it. */
export function degraded(observation: FederationObservation, previous?: Verdict): Verdict {
	const { obstacles, nodes, remarks } = observation;
	const [obstacle] = obstacles;
	if (obstacle) return told(obstacle, [...obstacles, ...remarks]);

	const unreachable = unreachableUpstreams(observation);
	if (unreachable.length > 0) return verdict("UpstreamUnreachable", strung([...unreachable, ...inWords(remarks)]));

	const unserved = unservedDomains(observation);
	if (unserved.length > 0) return verdict("DomainNotServed", strung([...unserved, ...inWords(remarks)]));

	// After a start of the operator, or with a new pod, nobody has been asked yet: that is no good news.
	const unasked = nodes.some(({ upstream }) => upstream === undefined);
	if (unasked && (previous?.reason === "UpstreamUnreachable" || previous?.reason === "DomainNotServed"))
		return previous;

	const broken = nodes.filter(({ ready, trouble }) => !ready && trouble !== "");
	if (broken.length > 0) {
		const failing = broken.map(({ name, trouble }) => `node ${name}: ${trouble}`);
		return verdict("NodeFailing", strung([...failing, ...inWords(remarks)]));
	}
	const unusable = unusableLinkCertificate(observation);
	if (unusable) return verdict("LinkCertificateUnusable", strung([unusable, ...inWords(remarks)]));
	const linksUnasked = nodes.some(({ linkFailures }) => linkFailures === undefined);
	if (linksUnasked && previous?.reason === "LinkCertificateUnusable") return previous;

	const behind = nodes.filter(({ takeOver }) => takeOver?.state === "Refused" || takeOver?.state === "Overdue");
	if (behind.length > 0) {
		const words = behind.map(({ name, takeOver }) => `node ${name} ${takeOver?.message}`);
		return verdict("SettingsNotInForce", strung([...words, ...inWords(remarks)]));
	}
	const [remark] = remarks;
	if (remark) return told(remark, remarks);
	return verdict("AsExpected", "Nothing is known to be wrong.");
}

/** @param first that of the reason */
function told({ reason }: Problem, all: readonly Problem[]): Verdict {
	return { status: "True", reason, message: describeProblems(all) };
}

function inWords(remarks: readonly Problem[]): string[] {
	return remarks.length > 0 ? [describeProblems(remarks)] : [];
}

/** One message for each address and cause, with all the nodes that it is about. */
function unreachableUpstreams({ nodes, intent }: FederationObservation): string[] {
	const causes = Map.groupBy(
		nodes.filter(({ upstream }) => upstream?.reachable === false),
		({ name, upstream }) => {
			const address = upstreamOf(intent, name);
			return upstream?.error ? `${address} (${upstream.error})` : address;
		},
	);
	return [...causes].map(([what, affected]) => {
		const names = affected.map(({ name }) => name).join(", ");
		return (
			`spec.upstream: ${what} cannot be reached from ${affected.length === 1 ? "node" : "nodes"} ${names}. ` +
			"Check that host and port are those of the internal server's XMPP server-to-server listener and that it runs."
		);
	});
}

/** One message for each server and domain, with all the nodes that it is about. */
function unservedDomains({ nodes, intent }: FederationObservation): string[] {
	const found = nodes.flatMap(({ name, upstream }) =>
		(upstream?.unserved ?? []).map((domain) => ({
			name,
			what: `${upstreamOf(intent, name)} does not serve ${domain}`,
		})),
	);
	return [...Map.groupBy(found, ({ what }) => what)].map(([what, affected]) => {
		const names = affected.map(({ name }) => name).join(", ");
		return (
			`The internal server at ${what}: it answers host-unknown to ${affected.length === 1 ? "node" : "nodes"} ${names}. ` +
			"Set the domain up there, or name the right one in spec.domain or spec.additionalDomains."
		);
	});
}

function upstreamOf(intent: FederationObservation["intent"], nodeName: string): string {
	const target = intent?.nodes.find(({ name }) => name === nodeName)?.upstream;
	return target ? `${target.host}:${target.port}` : "the upstream";
}

/** One message, as all processes have the same files; undefined where every one can use them. */
function unusableLinkCertificate({ nodes, intent }: FederationObservation): string | undefined {
	const failures = nodes.flatMap(({ name, linkFailures = [] }) => linkFailures.map((why) => `node ${name}, ${why}`));
	if (failures.length === 0) return undefined;
	const secret = intent ? `Secret ${linkCertificateSecretName(intent.name)}` : "The Secret of the link certificate";
	return (
		`${secret} has what cannot be used for links: ${failures.join("; ")}. New links are made with the certificate before, ` +
		"until that expires; a process that has started since makes none. Delete the Secret: it is made again, and nothing " +
		"restarts."
	);
}
