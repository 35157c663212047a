import { orderAnnotations } from "../model/rollout-orders.ts";
import { causesText } from "./causes-text.ts";
import type { FederationView, RolloutView } from "./federation-view.ts";
import { isPaused } from "./orders.ts";
import { table } from "./table.ts";
import type { Colour, Paint } from "./terminal.ts";

/** One line for each federation. */
export function overviewText(views: readonly FederationView[], withNamespace: boolean, paint: Paint): string {
	const rows = views.map((view) => {
		const { namespace, name, spec, status } = view;
		const ready = condition(view, "Ready");
		return [
			...(withNamespace ? [namespace] : []),
			name,
			spec.domain,
			status.readyNodes || "-",
			String(status.enabledNodes ?? "-"),
			verdict(ready?.status ?? "Unknown", "True", paint),
			ready?.reason ?? "NotSeenByOperator",
			progress(view),
		];
	});
	const head = ["NAME", "DOMAIN", "NODES", "ENABLED", "READY", "REASON", "ROLL-OUT"];
	return table(withNamespace ? ["NAMESPACE", ...head] : head, rows);
}

/** All of one federation. */
export function detailsText(view: FederationView, paint: Paint): string {
	const { status } = view;
	return [
		headText(view, paint),
		section("NODES", nodesText(view, paint), paint),
		section("ROLL-OUT", status.rollout && rolloutText(status.rollout), paint),
		section("LAST ROLL-OUTS", finishedText(status.finishedRollouts), paint),
		section("CONDITIONS", conditionsText(view, paint), paint),
		section("ENDPOINTS", endpointsText(view), paint),
		section("DNS RECORDS TO PUBLISH", dnsText(view), paint),
	]
		.filter((text) => text !== "")
		.join("\n\n");
}

function headText(view: FederationView, paint: Paint): string {
	const { namespace, name, spec, annotations, generation, status } = view;
	const ready = condition(view, "Ready");
	const lines: [string, string][] = [
		["Federation", `${name} (namespace ${namespace})`],
		["Domains", [spec.domain, ...spec.additionalDomains].join(", ")],
	];
	if (ready) lines.push(["Ready", `${verdict(ready.status, "True", paint)} ${ready.reason}: ${ready.message}`]);
	if (status.emailAddresses) {
		const { mappings, nodesInForce = 0 } = status.emailAddresses;
		const words = `${mappings} users have one; in force on ${nodesInForce} of ${status.nodes.length} nodes`;
		lines.push(["Addresses", words]);
	}
	if ((status.observedGeneration ?? 0) < generation) {
		const seen = status.observedGeneration === undefined ? "" : ` (only generation ${status.observedGeneration})`;
		const words = `the operator has not seen generation ${generation} yet${seen}. Is it running?`;
		lines.push(["Attention", paint("yellow", words)]);
	}
	if (isPaused(view)) {
		lines.push(["Paused", paint("yellow", `no node restarts before: kubectl xmppfed resume ${name} -n ${namespace}`)]);
	}
	const asked = annotations[orderAnnotations.restart];
	if (asked !== undefined) lines.push(["Restart", `last asked for: ${asked}`]);
	return lines.map(([title, text]) => `${`${title}:`.padEnd(12)}${text}`).join("\n");
}

function section(title: string, text: string | undefined, paint: Paint): string {
	return text ? `${paint("bold", title)}\n${text}` : "";
}

function nodesText({ status }: FederationView, paint: Paint): string {
	const rows = status.nodes.map(({ name, federation, ready, state, reason, revision, message }) => [
		name,
		federation,
		verdict(ready ? "True" : "False", "True", paint),
		paint(stateColours[state] ?? "red", state),
		reason || "-",
		revision || "-",
		message,
	]);
	return rows.length === 0
		? ""
		: table(["NODE", "FEDERATION", "READY", "STATE", "REASON", "REVISION", "MESSAGE"], rows);
}

const stateColours: Readonly<Record<string, Colour>> = {
	Current: "green",
	Pending: "yellow",
	Restarting: "yellow",
	Applying: "yellow",
};

function rolloutText({ causes, startedAt, done, total }: RolloutView): string {
	if (causes.length === 0) return "";
	const begun = startedAt === undefined ? "" : `, since ${startedAt}`;
	const line = total === undefined ? "" : `${done ?? 0} of ${total} nodes done${begun}\n`;
	return line + causesText(causes);
}

function finishedText(finished: readonly RolloutView[]): string {
	const rows = finished.map(({ startedAt = "-", finishedAt = "-", total, causes }) => [
		startedAt,
		finishedAt,
		String(total ?? "-"),
		[...new Set(causes.map(({ reason }) => reason))].join(", "),
	]);
	return rows.length === 0 ? "" : table(["STARTED", "FINISHED", "NODES", "REASONS"], rows);
}

function conditionsText({ status }: FederationView, paint: Paint): string {
	// Trouble has the other sign in these.
	const good = (type: string) => (type === "Degraded" || type === "Progressing" ? "False" : "True");
	const rows = status.conditions.map(({ type, status: value, reason, message, lastTransitionTime }) => [
		type,
		verdict(value, good(type), paint),
		reason,
		lastTransitionTime || "-",
		message,
	]);
	return rows.length === 0 ? "" : table(["TYPE", "STATUS", "REASON", "SINCE", "MESSAGE"], rows);
}

function endpointsText({ status }: FederationView): string {
	const rows = status.endpoints.map(({ for: purpose, host, port, name }) => [purpose, host, String(port), name]);
	return rows.length === 0 ? "" : table(["FOR", "HOST", "PORT", "SERVICE"], rows);
}

function dnsText({ status }: FederationView): string {
	const rows = status.dnsRecords.map(({ name, type, value }) => [name, type, value]);
	return rows.length === 0 ? "" : table(["NAME", "TYPE", "VALUE"], rows);
}

function condition({ status }: FederationView, type: string) {
	return status.conditions.find((entry) => entry.type === type);
}

/** A node restarts, or waits for that. */
function progress(view: FederationView): string {
	const { status } = view;
	const count = (state: string) => status.nodes.filter((node) => node.state === state).length;
	const waiting = count("Pending") + count("Restarting") + count("Applying");
	const words = [
		...(waiting > 0 ? [`${waiting} to go`] : []),
		...(count("Blocked") > 0 ? [`${count("Blocked")} blocked`] : []),
		...(isPaused(view) ? ["paused"] : []),
	];
	return words.join(", ") || "-";
}

function verdict(value: string, good: string, paint: Paint): string {
	return paint(value === good ? "green" : value === "Unknown" ? "yellow" : "red", value);
}
