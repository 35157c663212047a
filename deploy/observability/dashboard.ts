import { type Panel, type Row, rowsAsGrafana } from "./grafana.ts";

/** Federations that are chosen above the dashboard. */
const chosen = 'namespace=~"$namespace", federation=~"$federation"';
/** A rate or increase over what Grafana finds right for the resolution. */
const rate = (metric: string, labels = chosen) => `rate(${metric}{${labels}}[$__rate_interval])`;
const increase = (metric: string, labels = chosen) => `increase(${metric}{${labels}}[$__rate_interval])`;
const quantile = (q: number, metric: string) =>
	`histogram_quantile(${q}, sum by (le) (rate(${metric}_bucket[$__rate_interval])))`;

const overview: readonly Panel[] = [
	{
		title: "Not Ready",
		description: "Federations whose condition Ready is not True.",
		kind: "stat",
		width: 4,
		queries: { "": `count(xmppfed_federation_condition{${chosen}, condition="Ready", status!="True"}) or vector(0)` },
		bad: 1,
	},
	{
		title: "Degraded",
		kind: "stat",
		width: 4,
		queries: { "": `count(xmppfed_federation_condition{${chosen}, condition="Degraded", status="True"}) or vector(0)` },
		bad: 1,
	},
	{
		title: "Roll-outs blocked",
		kind: "stat",
		width: 4,
		queries: { "": `count(xmppfed_rollout_blocked{${chosen}}) or vector(0)` },
		bad: 1,
	},
	{
		title: "Authenticated streams",
		kind: "stat",
		width: 4,
		queries: { "": `sum(xmppfed_streams{${chosen}, container="federation", state="Authenticated"})` },
	},
	{
		title: "Certificate days left",
		description: "Of the certificate that expires first.",
		kind: "stat",
		width: 4,
		queries: { "": `min(xmppfed_certificate_days_left{${chosen}})` },
		badBelow: 21,
	},
	{
		title: "Operator leads",
		kind: "stat",
		width: 4,
		queries: { "": "sum(xmppfed_leader)" },
		badBelow: 1,
	},
];

const federations: readonly Panel[] = [
	{
		title: "Conditions",
		kind: "table",
		width: 24,
		queries: { "": `xmppfed_federation_condition{${chosen}}` },
		columns: ["namespace", "federation", "condition", "status", "reason"],
	},
];

const streams: readonly Panel[] = [
	{
		title: "Streams by state",
		kind: "timeseries",
		queries: {
			"{{direction}} {{state}}": `sum by (direction, state) (xmppfed_streams{${chosen}, container="federation"})`,
		},
	},
	{
		title: "Streams by peer",
		description: "The 20 with the most. The 50 busiest peers have a name, the rest is other.",
		kind: "timeseries",
		queries: { "{{peer}} {{direction}}": `topk(20, sum by (peer, direction) (xmppfed_peer_streams{${chosen}}))` },
	},
	{
		title: "How peers are identified",
		kind: "timeseries",
		queries: {
			"{{direction}} {{authentication}}": `sum by (direction, authentication) (xmppfed_peer_streams{${chosen}})`,
		},
	},
	{
		title: "Streams of what there may be",
		kind: "timeseries",
		unit: "percentunit",
		queries: {
			"{{node}} {{container}} {{direction}}":
				`sum by (node, container, direction) (xmppfed_streams{${chosen}})` +
				` / sum by (node, container, direction) (xmppfed_streams_limit{${chosen}})`,
		},
	},
	{
		title: "Failures by cause",
		kind: "timeseries",
		unit: "short",
		queries: {
			"{{direction}} {{cause}}": `sum by (direction, cause) (${increase("xmppfed_stream_failures_total")})`,
		},
	},
	{
		title: "Failures by peer",
		kind: "timeseries",
		unit: "short",
		queries: {
			"{{peer}} {{cause}}": `topk(20, sum by (peer, cause) (${increase("xmppfed_peer_failures_total")}) > 0)`,
		},
	},
	{
		title: "Connections refused, streams slowed and ended",
		kind: "timeseries",
		unit: "short",
		queries: {
			"refused: {{bound}}": `sum by (bound) (${increase("xmppfed_connections_refused_total")})`,
			slowed: `sum(${increase("xmppfed_streams_slowed_total")})`,
			"ended, idle": `sum(${increase("xmppfed_streams_ended_idle_total")})`,
		},
	},
	{
		title: "Bytes of streams with peers",
		kind: "timeseries",
		unit: "Bps",
		queries: {
			"{{direction}}": `sum by (direction) (${rate("xmppfed_stream_bytes_total", `${chosen}, container="federation"`)})`,
		},
	},
];

const stanzas: readonly Panel[] = [
	{
		title: "Stanzas handed on",
		kind: "timeseries",
		unit: "ops",
		queries: {
			"{{direction}} {{kind}}": `sum by (direction, kind) (${rate("xmppfed_stanzas_total", `${chosen}, container="federation"`)})`,
		},
	},
	{
		title: "Stanzas by peer",
		kind: "timeseries",
		unit: "ops",
		queries: { "{{peer}} {{direction}}": `topk(20, sum by (peer, direction) (${rate("xmppfed_peer_stanzas_total")}))` },
	},
	{
		title: "Answered with an error",
		kind: "timeseries",
		unit: "ops",
		queries: {
			"{{direction}} {{condition}}": `sum by (direction, condition) (${rate("xmppfed_stanzas_refused_total")})`,
		},
	},
	{
		title: "Policy",
		description: "WouldDeny: let through by Audit.",
		kind: "timeseries",
		unit: "ops",
		queries: {
			"{{direction}} {{decision}}": `sum by (direction, decision) (${rate("xmppfed_policy_decisions_total")})`,
			"streams refused": `sum(${rate("xmppfed_policy_refused_streams_total")})`,
		},
	},
];

const inside: readonly Panel[] = [
	{
		title: "Links of routers",
		kind: "timeseries",
		queries: { "{{node}} {{state}}": `sum by (node, state) (xmppfed_links{${chosen}, container="router"})` },
	},
	{
		title: "Internal server, domains",
		kind: "timeseries",
		queries: { "{{node}} {{state}}": `sum by (node, state) (xmppfed_upstreams{${chosen}})` },
	},
	{
		title: "What waits",
		kind: "timeseries",
		unit: "bytes",
		queries: {
			"{{node}} {{container}} for a {{for}}": `sum by (node, container, for) (xmppfed_backlog_bytes{${chosen}})`,
			"{{node}} {{container}} unfinished stanzas": `sum by (node, container) (xmppfed_partial_stanza_bytes{${chosen}})`,
			"most that may wait": `max(xmppfed_backlog_limit_bytes{${chosen}})`,
		},
	},
	{
		title: "Stanzas that wait for a stream",
		kind: "timeseries",
		queries: { "{{node}} {{container}}": `sum by (node, container) (xmppfed_queued_stanzas{${chosen}})` },
	},
	{
		title: "Processes that are ready",
		kind: "timeseries",
		queries: { "{{node}} {{container}}": `sum by (node, container) (xmppfed_ready{${chosen}})` },
	},
	{
		title: "Remote domains in use",
		kind: "timeseries",
		queries: {
			"{{node}}": `sum by (node) (xmppfed_remote_domains{${chosen}})`,
			"most that may be in use": `max(xmppfed_remote_domains_limit{${chosen}})`,
		},
	},
	{
		title: "Processor, cores",
		kind: "timeseries",
		queries: { "{{node}} {{container}}": `sum by (node, container) (${rate("process_cpu_seconds_total")})` },
	},
	{
		title: "Memory",
		kind: "timeseries",
		unit: "bytes",
		queries: {
			"{{node}} {{container}}": `sum by (node, container) (process_resident_memory_bytes{${chosen}})`,
			"{{node}} {{container}} Lua": `sum by (node, container) (xmppfed_lua_heap_bytes{${chosen}})`,
		},
	},
];

const certificates: readonly Panel[] = [
	{
		title: "Days left",
		description: "Of the certificates that peers see.",
		kind: "timeseries",
		unit: "d",
		queries: {
			"{{namespace}}/{{federation}}": `min by (namespace, federation) (xmppfed_certificate_days_left{${chosen}})`,
		},
	},
	{
		title: "Days left, peers",
		description: "Of the certificates that we see: the 20 that expire first.",
		kind: "timeseries",
		unit: "d",
		queries: {
			"{{peer}}":
				"bottomk(20, (min by (peer) " +
				`(xmppfed_peer_certificate_not_after_timestamp_seconds{${chosen}}) - time()) / 86400)`,
		},
	},
];

const rollouts: readonly Panel[] = [
	{
		title: "Restarts by reason",
		description: "Of nodes, by the operator, of all federations.",
		kind: "timeseries",
		unit: "short",
		queries: { "{{reason}}": "sum by (reason) (increase(xmppfed_node_restarts_total[$__rate_interval]))" },
	},
	{
		title: "Changes without a restart, by reason",
		kind: "timeseries",
		unit: "short",
		queries: { "{{reason}}": "sum by (reason) (increase(xmppfed_node_live_changes_total[$__rate_interval]))" },
	},
	{
		title: "Roll-outs blocked",
		kind: "timeseries",
		queries: {
			"{{namespace}}/{{federation}} {{reason}}": `sum by (namespace, federation, reason) (xmppfed_rollout_blocked{${chosen}})`,
		},
	},
	{
		title: "Time that roll-outs waited",
		description: "Of all federations; 1 is one that waits all the time.",
		kind: "timeseries",
		queries: { "{{reason}}": "sum by (reason) (rate(xmppfed_rollout_blocked_seconds_total[$__rate_interval]))" },
	},
	{
		title: "Duration of roll-outs",
		kind: "timeseries",
		unit: "s",
		queries: {
			median: quantile(0.5, "xmppfed_rollout_duration_seconds"),
			"9 of 10": quantile(0.9, "xmppfed_rollout_duration_seconds"),
		},
	},
	{
		title: "Containers that ended, minutes ago",
		kind: "timeseries",
		unit: "m",
		queries: {
			"{{node}} {{container}} {{reason}}":
				"(time() - max by (node, container, reason) " +
				`(xmppfed_gateway_container_ended_timestamp_seconds{${chosen}})) / 60`,
		},
	},
];

const operator: readonly Panel[] = [
	{
		title: "Reconciles",
		kind: "timeseries",
		unit: "ops",
		queries: { "{{result}}": "sum by (result) (rate(xmppfed_reconciles_total[$__rate_interval]))" },
	},
	{
		title: "Duration of reconciles",
		kind: "timeseries",
		unit: "s",
		queries: {
			median: quantile(0.5, "xmppfed_reconcile_duration_seconds"),
			"99 of 100": quantile(0.99, "xmppfed_reconcile_duration_seconds"),
		},
	},
	{
		title: "Federations that wait",
		kind: "timeseries",
		queries: { "{{pod}}": "sum by (pod) (xmppfed_queue_waiting)" },
	},
	{
		title: "Steps with nodes",
		kind: "timeseries",
		unit: "short",
		queries: { "{{step}}": "sum by (step) (increase(xmppfed_node_steps_total[$__rate_interval]))" },
	},
	{
		title: "Requests to the API server",
		kind: "timeseries",
		unit: "ops",
		queries: {
			"{{verb}} {{resource}}": "topk(20, sum by (verb, resource) (rate(xmppfed_api_requests_total[$__rate_interval])))",
		},
	},
	{
		title: "Requests that failed",
		description: "0: no answer.",
		kind: "timeseries",
		unit: "ops",
		queries: {
			"{{status}} {{verb}} {{resource}}":
				'sum by (status, verb, resource) (rate(xmppfed_api_requests_total{status!~"2.."}[$__rate_interval]))',
		},
	},
	{
		title: "Processor, cores",
		kind: "timeseries",
		queries: {
			"{{pod}}": "sum by (pod) (rate(process_cpu_seconds_total[$__rate_interval]) and on (pod) xmppfed_leader)",
		},
	},
	{
		title: "Memory",
		kind: "timeseries",
		unit: "bytes",
		queries: { "{{pod}}": "sum by (pod) (process_resident_memory_bytes and on (pod) xmppfed_leader)" },
	},
];

const rows: readonly Row[] = [
	{ title: "Overview", panels: overview },
	{ title: "Federations", panels: federations },
	{ title: "Streams with peers", panels: streams },
	{ title: "Stanzas", panels: stanzas },
	{ title: "Inside", panels: inside },
	{ title: "Certificates", panels: certificates },
	{ title: "Restarts and roll-outs", panels: rollouts },
	{ title: "Operator", panels: operator },
];

/** The dashboard as a file for Grafana 10 and later. `npm run generate` writes it into the chart. */
export function dashboardFile(): string {
	const federation = 'xmppfed_federation_condition{namespace=~"$namespace"}';
	const variables = {
		namespace: "label_values(xmppfed_federation_condition, namespace)",
		federation: `label_values(${federation}, federation)`,
	};
	const dashboard = rowsAsGrafana({ uid: "xmpp-federation", title: "XMPP federation", variables, rows });
	return `${JSON.stringify(dashboard, undefined, "\t")}\n`;
}
