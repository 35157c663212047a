import { Resolver } from "node:dns";
import { parseArgs } from "node:util";
import type { LeaderTiming } from "../kubernetes/leader.ts";
import type { OperatorPods } from "../model/federation-inputs.ts";

/** How the operator was started. */
export interface OperatorSettings {
	readonly kubeconfig: string | undefined;
	readonly context: string | undefined;
	/** Undefined: all namespaces. */
	readonly namespace: string | undefined;
	readonly gatewayImage: string;
	readonly resolverImage: string;
	readonly clusterDomain: string;
	/** The operator's own pods; undefined outside a Kubernetes cluster. */
	readonly operatorPods: OperatorPods | undefined;
	/** `ADDRESS` or `ADDRESS:PORT`, asked for what peers see. Empty: those of the machine. */
	readonly dnsServers: readonly string[];
	readonly leaderElectionNamespace: string;
	readonly leaderTiming: LeaderTiming;
	readonly httpPort: number;
	readonly concurrency: number;
	readonly logLevel: string;
	/** Unique among replicas. */
	readonly identity: string;
}

const options = {
	kubeconfig: { type: "string" },
	context: { type: "string" },
	namespace: { type: "string" },
	"gateway-image": { type: "string" },
	"resolver-image": { type: "string", default: "registry.k8s.io/coredns/coredns:v1.14.2" },
	"cluster-domain": { type: "string", default: "cluster.local" },
	"pod-labels": {
		type: "string",
		default: "app.kubernetes.io/name=xmpp-federation-operator,app.kubernetes.io/component=operator",
	},
	"dns-servers": { type: "string", default: "" },
	"leader-election-namespace": { type: "string" },
	// Seconds: after the first without a renewal another replica may lead; after the second the leader has stopped.
	"lease-duration": { type: "string", default: "15" },
	"renew-deadline": { type: "string", default: "10" },
	"retry-period": { type: "string", default: "2" },
	"http-port": { type: "string", default: "8080" },
	concurrency: { type: "string", default: "8" },
	"log-level": { type: "string", default: "info" },
} as const;

const levels = ["fatal", "error", "warn", "info", "debug", "trace", "silent"];

/** @throws {Error} with a message for people where an argument is wrong or missing */
export function parseOptions(args: readonly string[], environment: NodeJS.ProcessEnv): OperatorSettings {
	const { values } = parseArgs({ args: [...args], options, strict: true });
	const leaderElectionNamespace =
		values["leader-election-namespace"] ?? values.namespace ?? environment["POD_NAMESPACE"];
	if (!values["gateway-image"]) throw new Error("--gateway-image is missing: the image of the gateway pods");
	if (!leaderElectionNamespace) throw new Error("--leader-election-namespace is missing: where the Lease is kept");
	const leaderTiming = {
		leaseDuration: 1000 * integer("lease-duration", values["lease-duration"], 2, 3600),
		renewDeadline: 1000 * integer("renew-deadline", values["renew-deadline"], 1, 3600),
		retryPeriod: 1000 * integer("retry-period", values["retry-period"], 1, 3600),
	};
	if (
		leaderTiming.renewDeadline >= leaderTiming.leaseDuration ||
		leaderTiming.retryPeriod >= leaderTiming.renewDeadline
	)
		throw new Error("--retry-period must be shorter than --renew-deadline, and that shorter than --lease-duration");
	if (!levels.includes(values["log-level"])) throw new Error(`--log-level must be one of ${levels.join(", ")}`);
	return {
		kubeconfig: values.kubeconfig,
		context: values.context,
		namespace: values.namespace,
		gatewayImage: values["gateway-image"],
		resolverImage: values["resolver-image"],
		clusterDomain: values["cluster-domain"],
		operatorPods: operatorPods(values["pod-labels"], environment["POD_NAMESPACE"]),
		dnsServers: dnsServers(values["dns-servers"]),
		leaderElectionNamespace,
		leaderTiming,
		httpPort: integer("http-port", values["http-port"], 0, 65_535),
		concurrency: integer("concurrency", values.concurrency, 1, 64),
		logLevel: values["log-level"],
		identity: environment["POD_NAME"] ?? environment["HOSTNAME"] ?? "operator",
	};
}

/** `KEY=VALUE,...`: what selects the operator's pods in NetworkPolicies. */
function operatorPods(text: string, namespace: string | undefined): OperatorPods | undefined {
	const pairs = text.split(",").map((pair) => /^([^=]+)=([^=]*)$/.exec(pair));
	if (pairs.includes(null)) {
		throw new Error(`--pod-labels must be labels such as app=operator,tier=control, not ${JSON.stringify(text)}`);
	}
	const labels = Object.fromEntries(pairs.map((pair) => [pair?.[1], pair?.[2]]));
	return namespace ? { namespace, labels } : undefined;
}

/** `ADDRESS[:PORT],...`; an IPv6 address with a port is `[ADDRESS]:PORT`. */
function dnsServers(text: string): readonly string[] {
	const servers = text === "" ? [] : text.split(",");
	try {
		new Resolver().setServers(servers);
	} catch {
		throw new Error(
			`--dns-servers must be addresses such as 192.0.2.53,[2001:db8::53]:5353, not ${JSON.stringify(text)}`,
		);
	}
	return servers;
}

function integer(name: string, text: string, least: number, most: number): number {
	const value = Number(text);
	if (!Number.isInteger(value) || value < least || value > most) {
		throw new Error(`--${name} must be a whole number from ${least} to ${most}, not ${JSON.stringify(text)}`);
	}
	return value;
}
