import { pino } from "pino";
import { xmppDomain } from "../gateway/domain.ts";
import { Reflector } from "../kubernetes/reflector.ts";
import { type Pod, pods as podResource } from "../kubernetes/resources.ts";
import { roleSelector, selectorText } from "../objects/labels.ts";
import { connectionHelp, connectionOptions, parseArguments, positionals } from "./arguments.ts";
import type { Command } from "./command.ts";
import { type ClusterAccess, withCluster } from "./connect.ts";
import { explain, Failure, UsageError } from "./failure.ts";
import { federationNamed, nodeNames } from "./federations.ts";
import { type GatewayPod, gatewayPod, podsOfNodes } from "./gateway-pods.ts";
import { interruption } from "./interruption.ts";
import { type LogLine, logText, merged, PeerFilter, readLogLine } from "./logs-text.ts";
import type { Terminal } from "./terminal.ts";

const options = {
	...connectionOptions,
	peer: { type: "string" },
	follow: { type: "boolean", short: "f" },
	since: { type: "string", default: "1h" },
} as const;

export const logs: Command = {
	name: "logs",
	summary: "what gateways write, of all nodes together, of one peer if you like",
	help: `Shows what routers and federation connection managers write: all nodes together, in the order of time.

Usage: kubectl xmppfed logs NAME [NODE] [-n NAMESPACE] [--peer DOMAIN] [--since TIME] [--follow]

      --peer DOMAIN      lines that name this peer, and the others of the streams that they are about
      --since TIME       how far back: 30s, 10m, 2h; by default 1h
  -f, --follow           goes on with what is written from now on, also by pods that are made meanwhile
${connectionHelp}

A line: time, node, process, level, the part of the gateway with the stream, what it says. As they are written, in JSON,
lines come from: kubectl logs POD -c router or -c federation. It needs the rights to get the federation, to list pods
(with --follow to watch them) and to get pods/log. The exit code is 1 where no pod could be read.`,
	examples: ["logs example --since 10m", "logs example gw-1 --peer partner.example --follow"],
	options,
	takes: ["federation", "node"],
	run: async (args, terminal) => {
		const { values, positionals: given } = parseArguments("logs", args, options);
		const [name = "", node] = positionals("logs", given, ["NAME", "NODE"], 1);
		const since = seconds(values.since);
		const filter = new PeerFilter(values.peer === undefined ? undefined : xmppDomain(values.peer.toLowerCase()));
		return await withCluster(values, async (access) => {
			const nodes = nodeNames(await federationNamed(access.client, access.namespace, name));
			if (node !== undefined && !nodes.includes(node)) {
				throw new Failure(
					`the XmppFederation ${name} has no node ${JSON.stringify(node)}\nThere are: ${nodes.join(", ") || "none"}`,
				);
			}
			const width = Math.max(...(node === undefined ? nodes : [node]).map(({ length }) => length));
			const print = async (line: LogLine) => await terminal.print(logText(line, width, terminal.paint));
			const wanted = { federation: name, node, since };
			if (values.follow) return await follow(access, wanted, filter, print, terminal);
			return await show(access, wanted, filter, print, terminal);
		});
	},
};

interface Wanted {
	readonly federation: string;
	/** Undefined: all. */
	readonly node: string | undefined;
	/** Seconds. */
	readonly since: number;
}

type Print = (line: LogLine) => Promise<void>;

function seconds(since: string): number {
	const [, count, unit] = /^(\d+)([smh])$/.exec(since) ?? [];
	if (count === undefined) throw new UsageError(`--since takes a time such as 30s, 10m or 2h, not "${since}"`, "logs");
	return Math.max(1, Number(count) * (unit === "h" ? 3600 : unit === "m" ? 60 : 1));
}

async function show(
	{ client, pods, namespace }: ClusterAccess,
	{ federation, node, since }: Wanted,
	filter: PeerFilter,
	print: Print,
	terminal: Terminal,
): Promise<number> {
	const found = (await podsOfNodes(client, namespace, federation)).filter((pod) => isWanted(pod, node));
	if (found.length === 0) terminal.note(`no node of ${federation} has a pod: nothing is written`);
	const signal = new AbortController().signal;
	let failures = 0;
	const read = processesOf(found).map(async ({ pod, container }) => {
		const lines: LogLine[] = [];
		const onLine = (text: string) =>
			void lines.push(readLogLine(text, { pod: pod.name, role: container, node: pod.node }));
		try {
			await pods.logs({ namespace, pod: pod.name, container }, { onLine, follow: false, since, signal });
		} catch (error) {
			failures += 1;
			terminal.note(`node ${pod.node} (pod ${pod.name}, ${container}): ${explain(error)}`);
		}
		return lines;
	});
	const lines = merged(await Promise.all(read));
	for (const line of lines) filter.learn(line);
	for (const line of lines) if (filter.takes(line)) await print(line);
	return read.length > 0 && failures === read.length ? 1 : 0;
}

/** Until the program is interrupted. */
async function follow(
	{ client, pods, namespace }: ClusterAccess,
	{ federation, node, since }: Wanted,
	filter: PeerFilter,
	print: Print,
	terminal: Terminal,
): Promise<never> {
	const labelSelector = selectorText(roleSelector(federation, "gateway"));
	// Says what is wrong with the rights before it goes on trying for ever.
	await client.list(podResource, { namespace, labelSelector });
	const { signal } = new AbortController();
	const followed = new Set<string>();
	const read = async ({ pod, container }: ReturnType<typeof processesOf>[number]) => {
		const onLine = (text: string) => {
			const line = readLogLine(text, { pod: pod.name, role: container, node: pod.node });
			filter.learn(line);
			if (filter.takes(line)) void print(line);
		};
		const who = `node ${pod.node} (pod ${pod.name}, ${container})`;
		try {
			await pods.logs({ namespace, pod: pod.name, container }, { onLine, follow: true, since, signal });
			terminal.note(`${who} has ended`);
		} catch (error) {
			terminal.note(`${who}: ${explain(error)}`);
		}
	};
	const reflector = new Reflector<Pod>({
		client,
		log: pino({ level: "warn" }, { write: (line) => terminal.note(interruption(line)) }),
		resource: podResource,
		namespace,
		labelSelector,
		onChange: (_previous, current) => {
			const pod = current && gatewayPod(current);
			if (!pod || !isWanted(pod, node) || pod.absence !== undefined || followed.has(pod.name)) return;
			followed.add(pod.name);
			for (const process of processesOf([pod])) void read(process);
		},
	});
	await reflector.run(signal);
	throw new Failure("the watch of the pods ended");
}

function isWanted(pod: GatewayPod, node: string | undefined): boolean {
	return node === undefined || pod.node === node;
}

function processesOf(found: readonly GatewayPod[]) {
	return found.flatMap((pod) => pod.containers.map((container) => ({ pod, container })));
}
