import type { PodAnswer, StreamView } from "./peers-view.ts";
import { problemsText, section } from "./pod-answer.ts";
import { remediesText } from "./remedies.ts";
import { table } from "./table.ts";
import type { Paint } from "./terminal.ts";

export interface PeersTextOptions {
	/** More columns. */
	readonly wide: boolean;
	/** Of several federations: a column says which. */
	readonly withFederation: boolean;
	/** Only this peer was asked for. */
	readonly peer: string | undefined;
	readonly now: Date;
	readonly paint: Paint;
}

/** Streams with peers as a table, one row for each, what failed last, and what to do about it. Pure. */
export function peersText(answers: readonly PodAnswer[], options: PeersTextOptions): string {
	const { paint } = options;
	return [
		streamsText(answers, options),
		section("LAST FAILURES", failuresText(answers, options), paint),
		section("WHAT TO DO", remediesText(failuresOf(answers).map(({ failure }) => failure.cause)), paint),
		section("NOT READ", problemsText(answers, paint), paint),
	]
		.filter((text) => text !== "")
		.join("\n\n");
}

const columns = [
	"PEER",
	"LOCAL",
	"DIRECTION",
	"NODE",
	"TLS",
	"AUTHENTICATION",
	"CERTIFICATE",
	"ISSUER",
	"EXPIRES",
	"SINCE",
	"STANZAS",
] as const;
const wideColumns = ["ADDRESS", "CIPHER", "NAMES", "QUEUED"] as const;

function streamsText(answers: readonly PodAnswer[], options: PeersTextOptions): string {
	const rows = answers
		.flatMap((answer) =>
			"status" in answer ? answer.status.streams.map((stream) => ({ stream, pod: answer.pod })) : [],
		)
		.map(({ stream, pod }) => ({
			// In the order of what is read first.
			key: [
				pod.federation,
				stream.peer ?? "",
				stream.local ?? "",
				stream.direction ?? "",
				pod.node,
				stream.since ?? "",
			].join(" "),
			cells: [
				...(options.withFederation ? [pod.federation] : []),
				stream.peer ?? "-",
				stream.local ?? "-",
				stream.direction ?? "-",
				pod.node,
				...streamCells(stream, options),
			],
		}))
		.toSorted((a, b) => (a.key < b.key ? -1 : 1));
	if (rows.length === 0) {
		const whom = options.peer === undefined ? "any peer" : options.peer;
		return answers.some((answer) => "status" in answer) ? `No stream with ${whom} is open.` : "";
	}
	return table(
		[...(options.withFederation ? ["FEDERATION"] : []), ...columns, ...(options.wide ? wideColumns : [])],
		rows.map(({ cells }) => cells),
	);
}

function streamCells(stream: StreamView, { wide, now, paint }: PeersTextOptions): readonly string[] {
	const { tls, certificate, authentication, state } = stream;
	const names = certificate?.names ?? [];
	const more = certificate?.moreNames === undefined ? "" : ` and ${certificate.moreNames} more`;
	return [
		tls?.version ?? "none",
		authentication ?? paint("yellow", state ?? "-"),
		certificate?.state === undefined
			? "-"
			: paint(certificate.state === "Valid" ? "green" : "yellow", certificate.state),
		certificate?.issuer ?? "-",
		expiry(certificate?.notAfter, now, paint),
		stream.since ?? "-",
		String(stream.stanzas ?? "-"),
		...(wide
			? [
					stream.address ?? "-",
					tls?.cipher ?? "-",
					names.length === 0 ? "-" : `${names.join(",")}${more}`,
					String(stream.queued ?? "-"),
				]
			: []),
	];
}

/** ms before its end from which on a certificate is shown in colour. */
const soon = 21 * 86_400_000;

function expiry(notAfter: string | undefined, now: Date, paint: Paint): string {
	if (notAfter === undefined) return "-";
	const left = Date.parse(notAfter) - now.getTime();
	const day = notAfter.slice(0, "2026-01-31".length);
	return left < 0 ? paint("red", day) : left < soon ? paint("yellow", day) : day;
}

function failuresOf(answers: readonly PodAnswer[]) {
	return answers
		.flatMap((answer) =>
			"status" in answer ? answer.status.failures.map((failure) => ({ failure, pod: answer.pod })) : [],
		)
		.toSorted((a, b) => ((a.failure.at ?? "") < (b.failure.at ?? "") ? 1 : -1));
}

function failuresText(answers: readonly PodAnswer[], { withFederation, paint }: PeersTextOptions): string {
	const rows = failuresOf(answers).map(({ failure, pod }) => [
		...(withFederation ? [pod.federation] : []),
		failure.peer ?? "-",
		failure.direction ?? "-",
		pod.node,
		failure.at ?? "-",
		paint("red", failure.cause ?? "-"),
		failure.detail ?? "",
	]);
	const head = ["PEER", "DIRECTION", "NODE", "WHEN", "CAUSE", "DETAIL"];
	return rows.length === 0 ? "" : table(withFederation ? ["FEDERATION", ...head] : head, rows);
}
