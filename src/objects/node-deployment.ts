import { drainTimes } from "../gateway/drain.ts";
import {
	configurationDirectory,
	configurationKeys,
	containerNames,
	credentialNames,
	credentialsDirectory,
	podLayout,
	settingsKey,
	trustedAuthoritiesKey,
} from "../gateway/layout.ts";
import { revisionedSettings } from "../gateway/settings.ts";
import { mostAliases } from "../model/aliases.ts";
import type { FederationIntent, NodeIntent } from "../model/intent.ts";
import { acceptedDialbackName, linkCertificateSecretName, nodeObjectName } from "../model/names.ts";
import { nodeRevision } from "../model/revision.ts";
import { imageFromAnnotation, restartAnnotation, revisionAnnotation } from "./annotations.ts";
import { emailAddressSecretNames } from "./email-addresses.ts";
import { gatewayMemoryMiB } from "./gateway-memory.ts";
import { portNames } from "./gateway-ports.ts";
import { nodeSelectorLabels, publishedLabel, roleSelector, switchLabel } from "./labels.ts";
import { metadata } from "./metadata.ts";
import { nodeConfigurationName, revisionedLabels } from "./node-configuration.ts";
import { nodeLiveName } from "./node-live.ts";
import { nodeSecretName } from "./node-secret.ts";
import { containerSecurityContext, gatewayUser, podSecurityContext } from "./pod-security.ts";
import { policyListSources } from "./policy-lists.ts";

/** What each container gets where `spec.nodes[].resources` says nothing. */
function defaultResources({ streams, aliases = {}, liveAliases, emailAddresses }: NodeIntent) {
	// A pod that runs cannot be given more when aliases come.
	const mostOfThem = liveAliases ? mostAliases : Object.keys(aliases).length;
	const limit = gatewayMemoryMiB(streams, mostOfThem, emailAddresses);
	return { requests: { cpu: "50m", memory: "64Mi" }, limits: { memory: `${limit}Mi` } };
}

/**
 * One node: one pod with a router and, where the node is Enabled, a federation connection manager (R1). A new pod is
 * ready before the old one drains.
 */
export function nodeDeployment(federation: FederationIntent, node: NodeIntent) {
	const revision = { [revisionAnnotation]: nodeRevision(node) };
	const labels = {
		...revisionedLabels(node),
		[switchLabel]: node.federation,
		[publishedLabel]: String(node.published),
	};
	const { resources, ...placement } = node.placement;
	return {
		apiVersion: "apps/v1" as const,
		kind: "Deployment" as const,
		metadata: metadata(federation, nodeObjectName(federation.name, node.name), labels, {
			...revision,
			[imageFromAnnotation]: federation.imageFrom,
			...(node.requestedAt !== undefined && { [restartAnnotation]: node.requestedAt }),
		}),
		spec: {
			replicas: 1,
			// An older revision is not something to go back to: the planner decides what runs.
			revisionHistoryLimit: 0,
			strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
			selector: { matchLabels: nodeSelectorLabels(federation.name, node.name) },
			template: {
				metadata: { labels, annotations: revision },
				spec: {
					automountServiceAccountToken: false,
					enableServiceLinks: false,
					terminationGracePeriodSeconds: drainTimes(node).graceSeconds,
					securityContext: podSecurityContext(gatewayUser),
					...placement,
					...(placement.affinity ? {} : { affinity: spreadOverKubernetesNodes(federation) }),
					containers: containers(node, resources),
					volumes: volumes(node),
				},
			},
		},
	};
}

function containers(node: NodeIntent, resources: object | undefined) {
	const router = container(node, "router", resources, podLayout.routerHttpPort, [
		{ name: portNames.router, containerPort: podLayout.routerPort, protocol: "TCP" },
		{ name: portNames.routerHttp, containerPort: podLayout.routerHttpPort, protocol: "TCP" },
	]);
	if (node.federation === "Disabled") return [router];
	const federation = container(node, "federation", resources, podLayout.federationHttpPort, [
		{ name: portNames.federation, containerPort: podLayout.federationPort, protocol: "TCP" },
		{ name: portNames.link, containerPort: podLayout.linkPort, protocol: "TCP" },
		{ name: portNames.federationHttp, containerPort: podLayout.federationHttpPort, protocol: "TCP" },
	]);
	return [router, federation];
}

function container(
	node: NodeIntent,
	role: keyof typeof containerNames,
	resources: object | undefined,
	httpPort: number,
	ports: object[],
) {
	const probe = (path: string) => ({ httpGet: { path, port: httpPort, scheme: "HTTP" } });
	return {
		name: containerNames[role],
		image: node.image,
		imagePullPolicy: "IfNotPresent",
		args: [role],
		ports,
		env: [{ name: "CREDENTIALS_DIRECTORY", value: credentialsDirectory }],
		resources: resources ?? defaultResources(node),
		securityContext: containerSecurityContext(),
		startupProbe: { ...probe("/live"), periodSeconds: 1, failureThreshold: 60 },
		livenessProbe: { ...probe("/live"), periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 6 },
		readinessProbe: { ...probe("/ready"), periodSeconds: 2, timeoutSeconds: 2, failureThreshold: 2 },
		volumeMounts: [
			{ name: "configuration", mountPath: configurationDirectory, readOnly: true },
			{ name: "credentials", mountPath: credentialsDirectory, readOnly: true },
			{ name: "certificate", mountPath: podLayout.certificateDirectory, readOnly: true },
			{ name: "settings", mountPath: podLayout.settingsDirectory, readOnly: true },
			...(role === "federation" && hasTrustedDirectory(node)
				? [{ name: "trusted-authorities", mountPath: podLayout.trustedDirectory, readOnly: true }]
				: []),
			{ name: "link-certificate", mountPath: podLayout.linkDirectory, readOnly: true },
			{ name: "dialback", mountPath: podLayout.dialbackDirectory, readOnly: true },
			...(role === "router" && node.emailAddresses
				? [{ name: "email-addresses", mountPath: podLayout.emailAddressesDirectory, readOnly: true }]
				: []),
			{ name: "data", mountPath: podLayout.dataDirectory, subPath: role },
			{ name: "tmp", mountPath: "/tmp", subPath: role },
		],
	};
}

function volumes(node: NodeIntent) {
	const files = (...keys: string[]) => keys.map((key) => ({ key, path: key }));
	const secret = (name: string, keys: string[]) => ({
		name,
		secret: { secretName: nodeSecretName(node), defaultMode: 0o440, items: files(...keys) },
	});
	// What changes while the pod runs is not of its revision.
	const live = node.strategy === "Live" ? nodeLiveName(node.federationName, node.name) : undefined;
	const configuration = [
		configurationKeys.imageCheck,
		configurationKeys.router,
		...(node.federation === "Enabled" ? [configurationKeys.federation] : []),
	];
	return [
		{ name: "configuration", configMap: { name: nodeConfigurationName(node), items: files(...configuration) } },
		secret("credentials", [credentialNames.dialback, credentialNames.link]),
		live === undefined
			? secret("certificate", ["tls.crt", "tls.key"])
			: { name: "certificate", secret: { secretName: live, defaultMode: 0o440 } },
		settingsVolume(node, live),
		...(node.federation === "Enabled" && hasTrustedDirectory(node)
			? [secret("trusted-authorities", [trustedAuthoritiesKey])]
			: []),
		// These are not of the revision: they change while the pod runs.
		{
			name: "link-certificate",
			secret: { secretName: linkCertificateSecretName(node.federationName), defaultMode: 0o440 },
		},
		{ name: "dialback", secret: { secretName: acceptedDialbackName(node.federationName), defaultMode: 0o440 } },
		...(node.emailAddresses ? [emailAddressesVolume(node)] : []),
		{ name: "data", emptyDir: { sizeLimit: "64Mi" } },
		{ name: "tmp", emptyDir: { sizeLimit: "64Mi" } },
	];
}

/** All files that there can be: a pod keeps the volumes that it was started with. */
function emailAddressesVolume({ federationName }: NodeIntent) {
	const sources = emailAddressSecretNames(federationName).map((name) => ({ secret: { name, optional: true } }));
	return { name: "email-addresses", projected: { defaultMode: 0o440, sources } };
}

/** With the strategy Live the authorities lie beside the certificate. */
function hasTrustedDirectory({ strategy, secrets }: NodeIntent): boolean {
	return strategy !== "Live" && secrets.trustedCAs !== undefined;
}

/** @param live name of the ConfigMap with what changes while the pod runs; undefined where that is nothing */
function settingsVolume(node: NodeIntent, live: string | undefined) {
	const items = Object.keys(revisionedSettings(node)).map((file) => ({ key: settingsKey(file), path: file }));
	const own = { name: nodeConfigurationName(node), items };
	const lists = policyListSources(node);
	const sources = [own, ...lists, ...(live === undefined ? [] : [{ name: live }])];
	if (sources.length === 1) return { name: "settings", configMap: own };
	return { name: "settings", projected: { sources: sources.map((configMap) => ({ configMap })) } };
}

/** Nodes keep apart where they can, so that one Kubernetes node takes one of them along. */
function spreadOverKubernetesNodes(federation: FederationIntent) {
	const matchLabels = roleSelector(federation.name, "gateway");
	const podAffinityTerm = { labelSelector: { matchLabels }, topologyKey: "kubernetes.io/hostname" };
	return {
		podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 100, podAffinityTerm }] },
	};
}
