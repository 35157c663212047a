import { causeText } from "../../gateway/failure-causes.ts";
import type { FailureView, PodAnswer } from "../peers-view.ts";
import type { FederationFacts } from "./facts.ts";
import { counted, nameOf } from "./names.ts";
import { type DiagnosisCheck, ok, problem, unknown } from "./report.ts";

/** Peers that are told at most, those with the newest failures. */
const mostPeers = 20;

/** What failed last with each peer and has not worked since, and whether it works from another federation. */
export function diagnosePeers(federations: readonly FederationFacts[]): readonly DiagnosisCheck[] {
	const asked = federations.map((facts) => ({
		name: nameOf(facts),
		answers: "value" in facts.peers ? facts.peers.value : [],
	}));
	const unread = federations.flatMap((facts) => {
		if ("problem" in facts.peers) return [unknown("Peers", `${nameOf(facts)}: ${facts.peers.problem}`)];
		return facts.peers.value.flatMap((answer) =>
			"problem" in answer ? [unknown("Peers", `${nameOf(facts)} node ${answer.pod.node}: ${answer.problem}`)] : [],
		);
	});
	const failing = asked
		.flatMap(({ name, answers }) => openFailures(answers).map((failure) => ({ name, failure })))
		.toSorted((a, b) => ((a.failure.at ?? "") < (b.failure.at ?? "") ? 1 : -1));
	const told = failing.slice(0, mostPeers).map(({ name, failure }) => {
		const { peer = "?", direction = "", cause = "", detail, at = "" } = failure;
		const works = asked.filter((other) => other.name !== name && isConnected(other.answers, failure));
		const elsewhere = works.length > 0 ? ` It works in ${works.map((other) => other.name).join(", ")}.` : "";
		const text = causeText(cause);
		const finding = `${name}: ${direction} ${peer}: ${cause}${detail ? ` (${detail})` : ""} at ${at}.${elsewhere}`;
		return problem(
			"Peers",
			finding,
			text ? `${text.meaning} ${text.remedy}` : `kubectl xmppfed check ${peer} says more.`,
		);
	});
	const answered = asked.flatMap(({ answers }) => answers.filter((answer) => "status" in answer));
	if (answered.length === 0 || told.length > 0) return [...told, ...unread];
	const streams = answered.reduce((sum, { status }) => sum + status.streams.length, 0);
	return [ok("Peers", `${counted(streams, "stream")} open, and nothing has failed that does not work now`), ...unread];
}

/** The newest failure of each peer and direction, unless a stream that way is open now. */
export function openFailures(answers: readonly PodAnswer[]): readonly FailureView[] {
	// Of one that never said who it is there is nobody to tell about.
	const failures = answers
		.flatMap((answer) => ("status" in answer ? answer.status.failures : []))
		.filter(({ peer }) => peer !== undefined);
	const newest = new Map<string, FailureView>();
	for (const failure of failures) {
		const key = `${failure.direction} ${failure.peer}`;
		if ((newest.get(key)?.at ?? "") <= (failure.at ?? "")) newest.set(key, failure);
	}
	return [...newest.values()].filter((failure) => !isConnected(answers, failure));
}

function isConnected(answers: readonly PodAnswer[], { peer, direction }: FailureView): boolean {
	return answers.some(
		(answer) =>
			"status" in answer &&
			answer.status.streams.some(
				(stream) => stream.peer === peer && stream.direction === direction && stream.authentication !== undefined,
			),
	);
}
