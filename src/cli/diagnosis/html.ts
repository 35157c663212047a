import { escapeHtml } from "./escape.ts";
import { counted } from "./names.ts";
import { pictureOf } from "./picture.ts";
import type { DiagnosedDomain, Diagnosis, DiagnosisCheck } from "./report.ts";
import { summaryText } from "./text.ts";

/** Light, dark, and on paper. */
const style = `
:root { color-scheme: light dark; --paper: #fff; --ink: #1d2430; --faint: #5b6573; --line: #c9d0da; --box: #f3f5f8;
  --good: #1a7f4b; --bad: #c0302b; --late: #9a6700; }
@media (prefers-color-scheme: dark) { :root { --paper: #14181f; --ink: #e4e8ee; --faint: #9aa5b4; --line: #39424f;
  --box: #1d232d; --good: #4cc38a; --bad: #ff7b72; --late: #e3b341; } }
@media print { :root { --paper: #fff; --ink: #000; --faint: #444; --line: #999; --box: #fff; --good: #1a7f4b; --bad: #c0302b;
  --late: #9a6700; } section { break-inside: avoid-page; } tr { break-inside: avoid; } }
body { background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.2rem; margin: 2rem 0 .5rem; } p { margin: .25rem 0 1rem; color: var(--faint); }
table { border-collapse: collapse; width: 100%; } th, td { border-bottom: 1px solid var(--line); padding: .4rem .6rem; text-align: left; vertical-align: top; overflow-wrap: anywhere; }
th { color: var(--faint); font-weight: 600; } td:first-child { white-space: nowrap; font-weight: 600; }
.Problem { color: var(--bad); } .Difference { color: var(--late); } .Unknown { color: var(--faint); } .OK { color: var(--good); }
.remedy { color: var(--faint); display: block; }
svg { width: 100%; height: auto; font: 13px system-ui, sans-serif; } svg text { fill: var(--ink); } svg .title { font-weight: 600; }
svg .small { fill: var(--faint); font-size: 11px; } rect { fill: var(--box); stroke: var(--line); } .cluster { fill: none; }
.node, .peer { stroke-width: 2; } .good { stroke: var(--good); } .bad { stroke: var(--bad); } .late { stroke: var(--late); }
.inside { stroke-dasharray: 4 3; } path { fill: none; stroke-width: 2; } .connected { stroke: var(--good); }
.failing { stroke: var(--bad); stroke-dasharray: 6 4; } .partly { stroke: var(--late); stroke-dasharray: 6 4; }`;

/** The report as one page, which needs nothing else: no script, no font, no picture of another place. Pure. */
export function diagnosisPage(diagnosis: Diagnosis, version: string): string {
	const { at, clusters, domains, checks, summary } = diagnosis;
	const names = clusters.map(({ cluster }) => cluster).join(", ");
	const head = `${counted(clusters.length, "cluster")}: ${names}. ${summaryText(summary)}. ${at}, kubectl-xmppfed ${version}`;
	return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>XMPP federations: diagnosis</title>
<style>${style}
</style>
</head>
<body>
<h1>XMPP federations: diagnosis</h1>
<p>${escapeHtml(head)}</p>
${checks.length === 0 ? "" : tableOf(checks)}
${domains.map(sectionOf).join("\n")}
</body>
</html>`;
}

function sectionOf(domain: DiagnosedDomain): string {
	const legend =
		"A solid green line: a stream is open. Red: what was tried last failed. Amber: one way works. Dashed boxes: nodes that are Disabled.";
	return `<section>
<h2>${escapeHtml(domain.domain)}</h2>
${pictureOf(domain)}
<p>${legend}</p>
${tableOf(domain.checks)}
</section>`;
}

function tableOf(checks: readonly DiagnosisCheck[]): string {
	const rows = checks.map(({ check, verdict, finding, remedy }) => {
		const todo = remedy === undefined ? "" : `<span class="remedy">To do: ${escapeHtml(remedy)}</span>`;
		return `<tr><td class="${verdict}">${verdict}</td><td>${escapeHtml(check)}</td><td>${escapeHtml(finding)}${todo}</td></tr>`;
	});
	return `<table>
<thead><tr><th>Verdict</th><th>Check</th><th>Finding</th></tr></thead>
<tbody>
${rows.join("\n")}
</tbody>
</table>`;
}
