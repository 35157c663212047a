import { causesText, changeText } from "./causes-text.ts";
import type { RestartPlan } from "./restart-plan.ts";
import { table } from "./table.ts";
import type { Paint } from "./terminal.ts";

export function planText(plan: RestartPlan, paint: Paint): string {
	const { namespace, name } = plan;
	const indented = sections(plan, paint).map((text) => text.replaceAll(/^(?=.)/gm, "  "));
	return [
		`${paint("bold", `XmppFederation ${name} (namespace ${namespace})`)}: ${headline(plan, paint)}`,
		...indented,
	].join("\n\n");
}

function headline({ exists, nodes, steps, possible }: RestartPlan, paint: Paint): string {
	const count = (action: string) => steps.filter((step) => step.action === action).length;
	const [made, restarted, removed, live] = [count("Create"), count("Restart"), count("Remove"), count("Apply")];
	if (!exists) return `is new: ${plural(made, "node starts", "nodes start")}, nothing restarts`;
	const parts = [
		...(restarted > 0
			? [`${restarted} of ${plural(nodes, "node", "nodes")} ${restarted === 1 ? "restarts" : "restart"}`]
			: []),
		...(removed > 0 ? [plural(removed, "node is removed", "nodes are removed")] : []),
		...(made > 0 ? [plural(made, "node starts", "nodes start")] : []),
		...(live > 0 ? [`applied live to ${plural(live, "node", "nodes")}`] : []),
	];
	const words = parts.join(", ");
	if (restarted + removed > 0)
		return paint("yellow", restarted + removed > 1 ? `${words}, one after the other` : words);
	if (possible.some((cause) => !cause.live)) return paint("yellow", [...parts, "nodes may restart"].join(", "));
	return paint("green", [...parts, "nothing restarts"].join(", "));
}

function plural(count: number, one: string, many: string): string {
	return `${count} ${count === 1 ? one : many}`;
}

function sections(plan: RestartPlan, paint: Paint): readonly string[] {
	const { steps, causes, possible, withoutRestart } = plan;
	const due = causes.filter((cause) => cause.due);
	const stepRows = steps.map(({ node, action, reasons }, index) => [
		String(index + 1),
		node,
		action,
		reasons.join(", ") || "-",
	]);
	const possibleRows = possible.map((cause) => [
		cause.reason,
		cause.live ? "applied live" : "restarts",
		cause.nodes.join(","),
		changeText(cause),
	]);
	const quietRows = withoutRestart.map((change) => [changeText(change), change.note]);
	return [
		...cautions(plan).map((text) => paint("yellow", text)),
		...(steps.length > 0 ? [table(["STEP", "NODE", "ACTION", "REASONS"], stepRows)] : []),
		...(causes.length > 0 ? [causesText(causes)] : []),
		...(due.length > 0
			? [`Due already, whether this is applied or not: ${[...new Set(due.map(({ reason }) => reason))].join(", ")}`]
			: []),
		...(possible.length > 0
			? [
					`Only if what the Secret holds is another (Secrets are not read):\n${table(["REASON", "EFFECT", "NODES", "CHANGE"], possibleRows)}`,
				]
			: []),
		...(withoutRestart.length > 0
			? [`Changes without a restart:\n${table(["CHANGE", "WHAT HAPPENS"], quietRows)}`]
			: []),
	];
}

function cautions({ name, paused, leavesNoEnabledNode, remarks }: RestartPlan): readonly string[] {
	return [
		...(paused ? [`It is paused: nothing restarts or is removed before: kubectl xmppfed resume ${name}`] : []),
		...(leavesNoEnabledNode
			? [
					"It leaves no Enabled node: nothing would go to peers or come from them. The operator waits until that is allowed " +
						"by the annotation xmppfed.dev/allow-outage.",
				]
			: []),
		...remarks,
	];
}
