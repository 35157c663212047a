import { containerSecurityContext } from "../../src/objects/pod-security.ts";
import type { User } from "../../test/lib/xmpp/account.ts";
import { ejabberd } from "../../test/lib/xmpp/ejabberd.ts";
import { prosody } from "../../test/lib/xmpp/prosody.ts";
import type { ServerProgram } from "../../test/lib/xmpp/server.ts";
import { keyOf } from "../lib/cache.ts";

/** Ports of the servers' Services. */
export const CLIENT_PORT = 5222;
export const SERVER_PORT = 5269;

const DIRECTORY = "/etc/xmpp";
const CERTIFICATE_DIRECTORY = "/etc/xmpp-tls";
const DATA_DIRECTORY = "/var/lib/xmpp";
/** The user of xmpp-server/Containerfile. */
const USER = 10002;

const programs = { ejabberd, prosody } as const;

export interface XmppServer {
	/** Name of every object of the server. */
	readonly name: string;
	readonly namespace: string;
	readonly program: keyof typeof programs;
	readonly image: string;
	readonly domain: string;
	/** Domains of it besides, without rooms. */
	readonly moreDomains?: readonly string[];
	readonly roomsDomain: string;
	readonly users: readonly User[];
	/** Certificate chain and key, PEM. */
	readonly certificate: string;
	/** See ServerOptions in test/lib/xmpp/server.ts. */
	readonly encryption: "Required" | "Optional";
	/** Address of the DNS server that the server asks instead of the cluster's. */
	readonly dnsServer?: string | undefined;
}

/** The Services: one for other servers, one with an address outside the cluster for clients. Pure. */
export function xmppServerServices({ name, namespace }: Pick<XmppServer, "name" | "namespace">) {
	const service = (serviceName: string, type: string, portName: string, port: number) => ({
		apiVersion: "v1",
		kind: "Service",
		metadata: { name: serviceName, namespace, labels: labels(name) },
		spec: { type, selector: labels(name), ports: [{ name: portName, port, targetPort: portName }] },
	});
	return [
		service(name, "ClusterIP", "xmpp-server", SERVER_PORT),
		service(`${name}-clients`, "LoadBalancer", "xmpp-client", CLIENT_PORT),
	];
}

/** The pod of a server and its files. It keeps nothing: a new pod has the users and nothing else. Pure. */
export function xmppServerObjects(server: XmppServer) {
	const { name, namespace, image, dnsServer } = server;
	const program = programs[server.program]({
		domain: server.domain,
		moreDomains: server.moreDomains,
		roomsDomain: server.roomsDomain,
		users: server.users,
		certificateFile: `${CERTIFICATE_DIRECTORY}/tls.pem`,
		encryption: server.encryption,
		dataDirectory: DATA_DIRECTORY,
		clientPort: CLIENT_PORT,
		serverPort: SERVER_PORT,
	});
	const files = { ...program.files, "start.sh": program.startScript, "tls.pem": server.certificate };
	const metadata = { name, namespace, labels: labels(name) };
	return [
		{ apiVersion: "v1", kind: "Secret", metadata, stringData: files },
		{
			apiVersion: "apps/v1",
			kind: "Deployment",
			metadata,
			spec: {
				replicas: 1,
				strategy: { type: "Recreate" },
				selector: { matchLabels: labels(name) },
				template: {
					metadata: {
						labels: labels(name),
						// Other files are another pod.
						annotations: { "xmppfed.dev/files": keyOf(...Object.entries(files).flat()) },
					},
					spec: {
						automountServiceAccountToken: false,
						enableServiceLinks: false,
						terminationGracePeriodSeconds: 5,
						...(dnsServer === undefined ? {} : { dnsPolicy: "None", dnsConfig: { nameservers: [dnsServer] } }),
						securityContext: {
							runAsNonRoot: true,
							runAsUser: USER,
							runAsGroup: USER,
							fsGroup: USER,
							seccompProfile: { type: "RuntimeDefault" },
						},
						containers: [container(name, image)],
						volumes: volumes(name, program),
					},
				},
			},
		},
	];
}

function container(name: string, image: string) {
	return {
		name,
		image,
		imagePullPolicy: "IfNotPresent",
		ports: [
			{ name: "xmpp-client", containerPort: CLIENT_PORT },
			{ name: "xmpp-server", containerPort: SERVER_PORT },
		],
		resources: { requests: { cpu: "20m", memory: "64Mi" }, limits: { memory: "512Mi" } },
		startupProbe: { tcpSocket: { port: "xmpp-client" }, periodSeconds: 1, failureThreshold: 120 },
		securityContext: containerSecurityContext(),
		volumeMounts: [
			{ name: "files", mountPath: DIRECTORY, readOnly: true },
			{ name: "certificate", mountPath: CERTIFICATE_DIRECTORY, readOnly: true },
			{ name: "data", mountPath: DATA_DIRECTORY },
			{ name: "tmp", mountPath: "/tmp" },
		],
	};
}

function volumes(name: string, program: ServerProgram) {
	const secret = (volume: string, ...keys: string[]) => ({
		name: volume,
		secret: { secretName: name, defaultMode: 0o440, items: keys.map((key) => ({ key, path: key })) },
	});
	return [
		secret("files", ...Object.keys(program.files), "start.sh"),
		secret("certificate", "tls.pem"),
		{ name: "data", emptyDir: {} },
		{ name: "tmp", emptyDir: {} },
	];
}

function labels(name: string) {
	return { "app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "xmppfed-demo" };
}
