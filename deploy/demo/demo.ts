// `npm run demo`: two organizations, an ejabberd and a Prosody, talk through a federation on a cluster that this makes.
// `npm run demo -- operator` stops when the operator runs; `npm run demo -- down` removes it all but the cluster.
import { dirname } from "node:path";
import { parseArgs } from "node:util";
import { table } from "../../src/cli/table.ts";
import { buildKubectlPlugin, kubectlPlugin } from "../build.ts";
import { type Cluster, clusterUp, DEFAULT_NAME, findCluster } from "../kind/cluster.ts";
import { runProgram } from "../lib/program.ts";
import { RemedyError, step } from "../lib/steps.ts";
import { ensureTools } from "../toolchain/tools.ts";
import { type Couple, converse, logIn, logOut } from "./conversation.ts";
import { gatewayStatuses } from "./gateway-status.ts";
import { provideImages, provideOperatorImages } from "./images.ts";
import { Kubectl } from "./kubectl.ts";
import { installOperator, OPERATOR_DEPLOYMENT, OPERATOR_NAMESPACE, removeOperator } from "./operator.ts";
import { demoScene, REMOTE_SERVER, type Scene } from "./scene.ts";
import { federationReady, setScene, strikeScene } from "./stage.ts";

const usage = `usage: npm run demo [-- [operator | down] [--name NAME]]
  operator  the cluster with the operator alone, for a federation of your own: docs/first-federation.md
  down      remove the operator, its CRDs with all federations, and what the demo made, but not the cluster
  --name    name of the cluster (${DEFAULT_NAME})`;

type Command = "up" | "operator" | "down" | "help";

async function main(args: readonly string[], signal: AbortSignal): Promise<number> {
	const wanted = parse(args);
	if (wanted === undefined) {
		console.error(usage);
		return 2;
	}
	const { command, name } = wanted;
	if (command === "help") console.log(usage);
	else if (command === "down") await down(name, signal);
	else if (command === "operator") await operatorAlone(name, signal);
	else await up(name, signal);
	return 0;
}

function parse(args: readonly string[]): { command: Command; name: string | undefined } | undefined {
	const options = { name: { type: "string" }, help: { type: "boolean", short: "h" } } as const;
	try {
		const { values, positionals } = parseArgs({ args: [...args], allowPositionals: true, options });
		const [command = "up", ...rest] = values.help ? ["help"] : positionals;
		return rest.length === 0 && isCommand(command) ? { command, name: values.name } : undefined;
	} catch {
		return undefined;
	}
}

function isCommand(word: string): word is Command {
	return ["up", "operator", "down", "help"].includes(word);
}

async function operatorAlone(name: string | undefined, signal: AbortSignal): Promise<void> {
	const cluster = await clusterUp({ name, signal });
	const images = await step("images of the operator and the gateway", () => provideOperatorImages(cluster, signal));
	await step("operator, by its Helm chart", () => installOperator(new Kubectl(cluster, signal), images));
	console.log(`
The operator runs. For kubectl and its plugin:
${await shellSettings(cluster, signal)}
See it send a message to a peer of its own, and back:
  helm test ${OPERATOR_DEPLOYMENT} -n ${OPERATOR_NAMESPACE}
Go on with your own federation: docs/first-federation.md
Remove:
${removal(cluster)}`);
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
	await sayHowToGoOn(cluster, signal);
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

async function sayHowToGoOn(cluster: Cluster, signal: AbortSignal): Promise<void> {
	const { internal, remote, federation } = demoScene;
	const { namespace } = internal;
	console.log(`
Look further:
${await shellSettings(cluster, signal)}
  kubectl describe xf ${federation} -n ${namespace}        # conditions, nodes, DNS records, events
  kubectl xmppfed status ${federation} -n ${namespace}
  kubectl xmppfed check ${remote.domain} ${federation} -n ${namespace}
  kubectl xmppfed logs ${federation} -n ${namespace} --peer ${remote.domain}
  kubectl logs -n ${remote.namespace} deploy/${REMOTE_SERVER}
  kubectl logs -n ${OPERATOR_NAMESPACE} -l app.kubernetes.io/name=${OPERATOR_DEPLOYMENT} --prefix --tail=-1
Try:
  kubectl patch xf -n ${namespace} ${federation} --type=json -p '[{"op":"replace","path":"/spec/nodes/2/federation","value":"Enabled"}]'
  kubectl get xf -n ${namespace} -w
Remove:
${removal(cluster)}`);
}

/** What makes a shell use the cluster: with kubectl and Helm of its version, and with the plugin of this checkout. */
async function shellSettings(cluster: Cluster, signal: AbortSignal): Promise<string> {
	const { helm } = await ensureTools(["helm"], { signal });
	await buildKubectlPlugin();
	const programs = [cluster.kubectl, helm, kubectlPlugin, process.execPath].map((path) => dirname(path));
	return `  export KUBECONFIG=${cluster.kubeconfigPath}\n  export PATH=${programs.join(":")}:$PATH`;
}

function removal(cluster: Cluster): string {
	return `  npm run demo -- down${named(cluster)}\n  npm run cluster -- down${named(cluster)}`;
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
