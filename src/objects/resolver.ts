import { resolverConfiguration, resolverPorts } from "../gateway/resolver.ts";
import type { FederationIntent, ResolverIntent } from "../model/intent.ts";
import { resolverName } from "../model/names.ts";
import { shortHash } from "../model/revision.ts";
import { reachedFrom } from "./internal-service.ts";
import { objectLabels, roleLabel, roleSelector } from "./labels.ts";
import { metadata } from "./metadata.ts";
import { containerSecurityContext, podSecurityContext } from "./pod-security.ts";

/** The user of the CoreDNS image. */
const resolverUser = 65532;

/** DNS that sends the internal server's SRV look-ups to the router: Corefile, Deployment and Service. */
export function resolverObjects(federation: FederationIntent, resolver: ResolverIntent) {
	const configuration = resolverConfigMap(federation, resolver);
	return {
		configuration,
		deployment: deployment(federation, resolver, configuration.metadata.name),
		service: service(federation),
	};
}

function labels(federation: FederationIntent) {
	return { ...objectLabels(federation.name, "resolver"), [roleLabel]: "resolver" };
}

/** Immutable and named by its content: a new Corefile is a new pod, so all that runs has one and the same. */
function resolverConfigMap(federation: FederationIntent, resolver: ResolverIntent) {
	const corefile = resolverConfiguration(resolver);
	return {
		apiVersion: "v1" as const,
		kind: "ConfigMap" as const,
		metadata: metadata(federation, `${resolverName(federation.name)}-${shortHash(corefile)}`, labels(federation)),
		immutable: true,
		data: { Corefile: corefile },
	};
}

function deployment(federation: FederationIntent, resolver: ResolverIntent, configurationName: string) {
	return {
		apiVersion: "apps/v1" as const,
		kind: "Deployment" as const,
		metadata: metadata(federation, resolverName(federation.name), labels(federation)),
		spec: {
			replicas: 2,
			revisionHistoryLimit: 0,
			strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
			selector: { matchLabels: roleSelector(federation.name, "resolver") },
			template: {
				metadata: { labels: labels(federation) },
				spec: {
					automountServiceAccountToken: false,
					enableServiceLinks: false,
					securityContext: podSecurityContext(resolverUser),
					containers: [
						{
							name: "coredns",
							image: resolver.image,
							imagePullPolicy: "IfNotPresent",
							args: ["-conf", "/etc/coredns/Corefile"],
							ports: [
								{ name: "dns", containerPort: resolverPorts.dns, protocol: "UDP" },
								{ name: "dns-tcp", containerPort: resolverPorts.dns, protocol: "TCP" },
							],
							resources: { requests: { cpu: "10m", memory: "32Mi" }, limits: { memory: "128Mi" } },
							// The stock image's binary carries this capability and does not start where it may not have it.
							securityContext: containerSecurityContext(["NET_BIND_SERVICE"]),
							livenessProbe: { ...probe("/health", resolverPorts.health), periodSeconds: 10, failureThreshold: 5 },
							readinessProbe: { ...probe("/ready", resolverPorts.ready), periodSeconds: 2, failureThreshold: 2 },
							volumeMounts: [{ name: "configuration", mountPath: "/etc/coredns", readOnly: true }],
						},
					],
					volumes: [
						{
							name: "configuration",
							configMap: { name: configurationName, items: [{ key: "Corefile", path: "Corefile" }] },
						},
					],
				},
			},
		},
	};
}

function probe(path: string, port: number) {
	return { httpGet: { path, port, scheme: "HTTP" } };
}

function service(federation: FederationIntent) {
	const { annotations } = federation.internalService;
	return {
		apiVersion: "v1" as const,
		kind: "Service" as const,
		metadata: metadata(federation, resolverName(federation.name), labels(federation), { ...annotations }),
		spec: {
			...reachedFrom(federation.internalService),
			selector: roleSelector(federation.name, "resolver"),
			ports: [
				{ name: "dns", port: 53, protocol: "UDP", targetPort: "dns" },
				{ name: "dns-tcp", port: 53, protocol: "TCP", targetPort: "dns-tcp" },
			],
		},
	};
}
