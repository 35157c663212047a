import { describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { nodeObjects, sharedObjects } from "../../../src/objects/federation-objects.ts";
import { networkPolicies } from "../../../src/objects/network-policies.ts";
import { liveObjects } from "../../../src/objects/node-live.ts";
import { givenSecrets, inputs, modelled, sample } from "../fixtures/federation.ts";

const yaml = (objects: readonly object[]) =>
	objects.map((object) => stringify(object, { aliasDuplicateObjects: false, lineWidth: 120 })).join("---\n");

describe.each([
	["smallest", "smallest", undefined, {}],
	["full", "full", undefined, givenSecrets],
	["live", "smallest", "Live", {}],
] as const)("objects of the %s sample", (name, file, strategy, secrets) => {
	const model = modelled(
		sample(file, (spec) => {
			spec.resolver = { enabled: true };
			if (strategy) spec.rollout = { strategy };
		}),
		secrets,
	);
	const nodes = model.intent.nodes.map((node) => ({ node, objects: nodeObjects(model.intent, node, model.secrets) }));
	const shared = sharedObjects(model.intent);
	const everything = [
		...shared.configMaps,
		...shared.mutable,
		...nodes.flatMap(({ objects }) => Object.values(objects)),
		...nodes.flatMap(({ node }) =>
			strategy ? Object.values(liveObjects(model.intent, node, model.secrets, "2026-06-01T12:00:00.000Z")) : [],
		),
	];

	test("shared", async () => {
		await expect(yaml([...shared.configMaps, ...shared.mutable])).toMatchFileSnapshot(`golden/${name}.shared.yaml`);
	});
	test.each(nodes)("of node $node.name", async ({ node, objects }) => {
		await expect(yaml([objects.deployment])).toMatchFileSnapshot(`golden/${name}.${node.name}.yaml`);
	});

	test("have the certificate and the settings once: in what is of the revision, or in what changes without it", () => {
		for (const { node, objects } of nodes) {
			const live = liveObjects(model.intent, node, model.secrets, "2026-06-01T12:00:00.000Z");
			const [fixed, changing] = [objects, live].map(({ configuration, secret }) => [
				Object.keys(configuration.data).filter((key) => key.includes("revision")),
				Object.keys(secret.data).filter((key) => key.startsWith("tls.")),
			]);
			const pair = ["tls.crt", "tls.key"];
			expect(strategy ? [fixed, changing] : [fixed]).toEqual(
				strategy
					? [
							[[], []],
							[["revision"], pair],
						]
					: [[["settings.revision"], pair]],
			);
		}
	});

	test("are owned by the federation and labelled, so that they go with it and are seen by the caches", () => {
		for (const { metadata } of everything) {
			expect(metadata.ownerReferences).toEqual([expect.objectContaining({ uid: model.intent.uid, controller: true })]);
			expect(metadata.labels).toMatchObject({ "app.kubernetes.io/managed-by": "xmpp-federation-operator" });
		}
	});
	test("have names that Kubernetes takes, each once a kind", () => {
		const names = everything.map(({ kind, metadata }) => `${kind}/${metadata.name}`);
		expect(new Set(names).size).toBe(names.length);
		for (const { kind, metadata } of everything) {
			expect(metadata.name).toMatch(
				kind === "Service" ? /^[a-z][-a-z0-9]{0,61}[a-z0-9]$/ : /^[a-z][-a-z0-9]{0,251}[a-z0-9]$/,
			);
		}
	});
	test("hold secrets in Secrets only", () => {
		const others = JSON.stringify(everything.filter(({ kind }) => kind !== "Secret"));
		const { certificate, dialback, link } = model.secrets;
		for (const secret of [certificate.key, dialback, link]) {
			expect(others).not.toContain(secret);
			expect(others).not.toContain(Buffer.from(secret, "base64").toString("utf8").trim());
		}
	});
});

describe("NetworkPolicies", () => {
	type Change = Parameters<typeof sample>[1];
	const policies = (change?: Change, more: Parameters<typeof modelled>[1] = {}) =>
		networkPolicies(modelled(sample("smallest", change), more).intent);
	const rulesFor = (port: number, ...given: Parameters<typeof policies>) =>
		policies(...given)[0]?.spec.ingress.filter((rule) => JSON.stringify(rule).includes(`"port":${port}`));

	test("are one for gateways, one for the resolver where it runs, none where they are off", () => {
		expect(policies()).toHaveLength(1);
		expect(policies((spec) => void (spec.resolver = { enabled: true }))).toHaveLength(2);
		expect(policies((spec) => void (spec.networkPolicy = { enabled: false }))).toEqual([]);
	});

	test("let only the federation's own gateways link", () => {
		const [rule] = rulesFor(5275) ?? [];
		const matchLabels = { "xmppfed.dev/federation": "example", "xmppfed.dev/role": "gateway" };
		expect(rule).toMatchObject({ from: [{ podSelector: { matchLabels } }] });
	});

	test("let the operator read status, whoever else may", () => {
		const operator = {
			namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "xmppfed-system" } },
			podSelector: { matchLabels: { "app.kubernetes.io/component": "operator" } },
		};
		const monitoring = [{ podSelector: { matchLabels: { app: "prometheus" } } }];
		expect(rulesFor(9270)).toMatchObject([{ from: [operator] }]);
		expect(rulesFor(9269, (spec) => void (spec.networkPolicy = { monitoring }))).toMatchObject([
			{ from: [operator, ...monitoring] },
		]);
	});

	test("let nobody read status where the operator is outside the cluster: a rule without a peer is for all", () => {
		const defaults = { ...inputs.defaults, operatorPods: undefined };
		expect(rulesFor(9269, undefined, { defaults })).toEqual([]);
	});

	test("let the internal server in from anywhere, or from where it is said to be", () => {
		const internal = [{ ipBlock: { cidr: "10.0.3.0/24" } }];
		const change: Change = (spec) => Object.assign(spec, { resolver: { enabled: true }, networkPolicy: { internal } });
		expect(rulesFor(5270)?.[0]).not.toHaveProperty("from");
		expect(rulesFor(5270, change)).toMatchObject([{ from: internal }]);
		expect(policies(change)[1]?.spec.ingress).toMatchObject([{ from: internal }]);
	});
});

describe("an alias", () => {
	const federationRef = { name: "example" };
	const direct = { exposure: "Direct", hostname: "c.example.com", publicPort: 25269 } as const;
	const objectsWith = (spec: object, count = 1) => {
		const aliases = Array.from({ length: count }, (_, index) => {
			const domain = `rooms-${index}.example.com`;
			return { name: `rooms-${index}`, domain, spec: { federationRef, alias: domain, node: "gw-1", ...spec } };
		});
		const { intent, secrets } = modelled(sample("smallest"), { aliases });
		const [node] = intent.nodes;
		if (!node) throw new Error("the sample has no node");
		const services = sharedObjects(intent).mutable.filter(({ kind }) => kind === "Service");
		return { services, ...nodeObjects(intent, node, secrets) };
	};

	test("that is Shared has no Service", () => {
		expect(objectsWith({}).services).toEqual(sharedObjects(modelled(sample("smallest")).intent).mutable.slice(0, 3));
	});

	test("that is Direct has one to its node, published or not, in its own words", () => {
		const service = { type: "NodePort", annotations: { a: "b" }, externalTrafficPolicy: "Cluster" };
		const [found] = objectsWith({ ...direct, service }).services.filter(({ metadata }) =>
			metadata.name.includes("alias"),
		);
		expect(found).toMatchObject({
			metadata: { name: expect.stringMatching(/^example-alias-rooms-0-[0-9a-f]{8}$/), annotations: { a: "b" } },
			spec: {
				type: "NodePort",
				externalTrafficPolicy: "Cluster",
				ports: [{ port: 25269, targetPort: "xmpp-server" }],
			},
		});
		expect(found).toHaveProperty("spec.selector", {
			"xmppfed.dev/federation": "example",
			"xmppfed.dev/role": "gateway",
			"xmppfed.dev/node": "gw-1",
			"xmppfed.dev/node-federation": "Enabled",
		});
	});

	test("takes memory", () => {
		const limits = (count: number) =>
			objectsWith({}, count).deployment.spec.template.spec.containers.map(({ resources }) => resources);
		expect(limits(1)).not.toEqual(limits(64));
	});
});
