// `npm run demo`: two organizations, an ejabberd and a Prosody, talk through a federation on a cluster that this makes.
// `npm run demo -- down` removes it all but the cluster.
import { parseArgs } from "node:util";
import { table } from "../../src/cli/table.ts";
import { type Cluster, clusterUp, DEFAULT_NAME, findCluster } from "../kind/cluster.ts";
import { succeeds } from "../lib/commands.ts";
import { runProgram } from "../lib/program.ts";
import { RemedyError, step } from "../lib/steps.ts";
import { type Couple, converse, logIn, logOut } from "./conversation.ts";
import { gatewayStatuses } from "./gateway-status.ts";
import { provideImages } from "./images.ts";
import { Kubectl } from "./kubectl.ts";
import { installOperator, OPERATOR_NAMESPACE, removeOperator } from "./operator.ts";
import { demoScene, REMOTE_SERVER, type Scene } from "./scene.ts";
import { federationReady, setScene, strikeScene } from "./stage.ts";

const usage = `usage: npm run demo [-- down] [-- --name NAME]
  down    remove what the demo made, but not the cluster
  --name  name of the cluster (${DEFAULT_NAME})`;

async function main(args: readonly string[], signal: AbortSignal): Promise<number> {
	const wanted = parse(args);
	if (wanted === undefined) {
		console.error(usage);
		return 2;
	}
	const { command, name } = wanted;
	if (command === "help") console.log(usage);
	else if (command === "down") await down(name, signal);
	else await up(name, signal);
	return 0;
}

function parse(args: readonly string[]): { command: "up" | "down" | "help"; name: string | undefined } | undefined {
	const options = { name: { type: "string" }, help: { type: "boolean", short: "h" } } as const;
	try {
		const { values, positionals } = parseArgs({ args: [...args], allowPositionals: true, options });
		const [command = "up", ...rest] = values.help ? ["help"] : positionals;
		if (rest.length > 0 || (command !== "up" && command !== "down" && command !== "help")) return undefined;
		return { command, name: values.name };
	} catch {
		return undefined;
	}
}

async function up(name: string | undefined, signal: AbortSignal): Promise<void> {
	const started = Date.now();
	const cluster = await clusterUp({ name, signal });
	const kubectl = new Kubectl(cluster, signal);
	const images = await step("images of the operator, the gateway and the XMPP servers", () =>
		provideImages(cluster, signal),
	);
	await step("operator, by its Helm chart", () => installOperator(kubectl, images));
	const addresses = await setScene(kubectl, demoScene, images, step, signal);

	const { internal, remote } = demoScene;
	console.log(`
  alice@${internal.domain} is on ejabberd, inside. bob@${remote.domain} is on Prosody, somewhere else.
  Neither server knows of the federation: ejabberd asks the resolver for other servers,
  Prosody finds SRV records of ${internal.domain} in DNS.
`);
	const couple = await logIn(demoScene, addresses, signal);
	try {
		await Promise.race([converseAloud(couple, cluster), aborted(signal)]);
		console.log(`\nStreams with ${remote.domain}, as the federation connection managers report them:\n`);
		console.log(indented(await streamTable(kubectl, demoScene)));
	} finally {
		await logOut(couple);
	}
	// The routers came before ejabberd; what status says of it is some seconds old.
	await federationReady(kubectl, internal.namespace, demoScene.federation, signal);
	await showObjects(kubectl, demoScene);
	await sayHowToGoOn(cluster);
	console.log(`\nEvery message crossed. The demo took ${Math.round((Date.now() - started) / 1000)} s.`);
}

async function converseAloud(couple: Couple, cluster: Cluster): Promise<void> {
	try {
		await converse(couple, demoScene, ({ from, to, what, milliseconds }) =>
			console.log(`  ${from} → ${to}: ${what}  (${milliseconds.toFixed(0)} ms)`),
		);
	} catch (error) {
		const { internal, federation } = demoScene;
		const logs = `kubectl logs -n ${internal.namespace} -l ${selector(federation)} --all-containers --tail=50`;
		throw new RemedyError(
			error instanceof Error ? error.message : "the conversation broke off",
			`read what the gateway says: KUBECONFIG=${cluster.kubeconfigPath} ${logs}`,
			{ cause: error },
		);
	}
}

/** Rejects with the signal's reason. */
async function aborted(signal: AbortSignal): Promise<never> {
	return await new Promise((_resolve, reject) => {
		signal.addEventListener("abort", () => reject(new DOMException("interrupted", "AbortError")), { once: true });
	});
}

async function down(name: string | undefined, signal: AbortSignal): Promise<void> {
	const cluster = await findCluster({ name, signal });
	if (!cluster) {
		console.log(`Nothing to remove: cluster ${name ?? DEFAULT_NAME} is not up.`);
		return;
	}
	const kubectl = new Kubectl(cluster, signal);
	await step("removing the federation and the XMPP servers", () => strikeScene(kubectl, demoScene));
	await step("removing the operator and its CRDs", () => removeOperator(kubectl));
	console.log(`The cluster is still there. Remove it: npm run cluster -- down${named(cluster)}`);
}

async function streamTable(kubectl: Kubectl, { internal, remote, federation }: Scene): Promise<string> {
	const statuses = await gatewayStatuses(kubectl, internal.namespace, federation, "federation");
	const rows = statuses.flatMap(({ node, streams }) =>
		streams
			.filter(({ peer, state }) => state === "Authenticated" && peer?.endsWith(remote.domain) === true)
			.map(({ direction, local = "", peer = "", tls, authentication = "" }) => {
				const [from, to] = direction === "outgoing" ? [local, peer] : [peer, local];
				return [node, `${from} → ${to}`, tls?.version ?? "no TLS", authentication];
			}),
	);
	if (rows.length === 0) throw new Error(`messages crossed, but no node reports a stream with ${remote.domain}`);
	return table(["NODE", "STREAM", "TLS", "AUTHENTICATION"], rows);
}

async function showObjects(kubectl: Kubectl, { internal, federation }: Scene): Promise<void> {
	for (const args of [
		["get", "xf", "-n", internal.namespace],
		["get", "deployments,pods,services,poddisruptionbudgets", "-n", internal.namespace, "-l", selector(federation)],
	]) {
		console.log(`\n$ kubectl ${args.join(" ")}\n`);
		console.log(indented(await kubectl.run(args)));
	}
}

async function sayHowToGoOn(cluster: Cluster): Promise<void> {
	const { internal, remote, federation } = demoScene;
	const { namespace } = internal;
	const onPath = await succeeds(["sh", "-c", "command -v kubectl"]);
	const node = `$(kubectl get pods -n ${namespace} -l ${selector(federation)},xmppfed.dev/node=gw-1 -o name)`;
	console.log(`
Look further:
  export KUBECONFIG=${cluster.kubeconfigPath}${onPath ? "" : `\n  alias kubectl=${cluster.kubectl}`}
  kubectl describe xf -n ${namespace} ${federation}        # conditions, nodes, DNS records, events
  kubectl get xf -n ${namespace} ${federation} -o yaml
  kubectl logs -n ${namespace} ${node} -c federation
  kubectl logs -n ${remote.namespace} deploy/${REMOTE_SERVER}
  kubectl logs -n ${OPERATOR_NAMESPACE} deploy/xmpp-federation-operator
Try:
  kubectl patch xf -n ${namespace} ${federation} --type=json -p '[{"op":"replace","path":"/spec/nodes/2/federation","value":"Enabled"}]'
  kubectl get xf -n ${namespace} -w
Remove:
  npm run demo -- down${named(cluster)}
  npm run cluster -- down${named(cluster)}`);
}

function named({ name }: Cluster): string {
	return name === DEFAULT_NAME ? "" : ` --name ${name}`;
}

function selector(federation: string): string {
	return `xmppfed.dev/federation=${federation}`;
}

function indented(text: string): string {
	return text.trimEnd().replaceAll(/^(?=.)/gm, "  ");
}

if (import.meta.main) await runProgram((signal) => main(process.argv.slice(2), signal));
