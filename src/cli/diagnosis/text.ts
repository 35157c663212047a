import type { Colour, Paint } from "../terminal.ts";
import { counted } from "./names.ts";
import type { DiagnosedFederation, Diagnosis, DiagnosisCheck, DiagnosisVerdict } from "./report.ts";

const colours: Readonly<Record<DiagnosisVerdict, Colour>> = {
	Problem: "red",
	Difference: "yellow",
	Unknown: "bold",
	OK: "green",
};

const width = "Difference".length;

/** The report for people: what is wrong comes first, each with what to do about it. Pure. */
export function diagnosisText({ clusters, domains, checks, summary }: Diagnosis, paint: Paint): string {
	const parts = domains.map(({ domain, federations, checks: ofDomain }) =>
		[
			paint("bold", domain),
			...federations.map(federationText),
			"",
			...ofDomain.map((check) => checkText(check, paint)),
		].join("\n"),
	);
	const title = paint("bold", counted(clusters.length, "cluster"));
	const ofClusters = [
		`${title}: ${clusters.map(({ cluster }) => cluster).join(", ")}`,
		...checks.map((check) => checkText(check, paint)),
	];
	const none = domains.length === 0 ? ["No XmppFederation is there to look at."] : [];
	return [ofClusters.join("\n"), ...parts, ...none, summaryText(summary)].join("\n\n");
}

function federationText({ cluster, namespace, name, nodes, endpoints }: DiagnosedFederation): string {
	const ready = nodes.filter((node) => node.ready).length;
	const enabled = nodes.filter(({ federation }) => federation === "Enabled").length;
	const where = endpoints.map(({ host, port }) => `${host}:${port}`).join(", ") || "no public address";
	return `  ${cluster}: ${namespace}/${name}: ${ready} of ${counted(nodes.length, "node")} ready, ${enabled} Enabled, ${where}`;
}

function checkText({ check, verdict, finding, remedy }: DiagnosisCheck, paint: Paint): string {
	const line = `${paint(colours[verdict], verdict.padEnd(width))}  ${check}: ${finding}`;
	return remedy === undefined ? line : `${line}\n${" ".repeat(width)}  To do: ${remedy}`;
}

export function summaryText({ Problem, Difference, Unknown, OK }: Diagnosis["summary"]): string {
	return `${counted(Problem, "problem")}, ${counted(Difference, "difference")}, ${Unknown} not known, ${OK} as they should be`;
}
