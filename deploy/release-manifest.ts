import { readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { parse, parseAllDocuments, stringify } from "yaml";
import { z } from "zod";

const root = fileURLToPath(new URL("..", import.meta.url));

/** What of kustomize `deploy/operator` uses; anything else is an error, so that nothing is left out in silence. */
const kustomization = z.strictObject({
	apiVersion: z.literal("kustomize.config.k8s.io/v1beta1"),
	kind: z.literal("Kustomization"),
	resources: z.array(z.string()),
	namespace: z.string().optional(),
	labels: z.array(z.strictObject({ pairs: z.record(z.string(), z.string()) })).default([]),
});

const manifest = z.looseObject({
	kind: z.string(),
	metadata: z.looseObject({ name: z.string(), labels: z.record(z.string(), z.string()).optional() }),
	subjects: z.array(z.looseObject({ namespace: z.string().optional() })).optional(),
});
type Manifest = z.infer<typeof manifest>;

/** Kinds of `deploy/operator` that are in no namespace. */
const clusterScoped: ReadonlySet<string> = new Set(["Namespace", "ClusterRole", "ClusterRoleBinding"]);

/** What the images are called in `deploy/operator`. */
const placeholders = {
	operator: "localhost/xmpp-federation-operator:dev",
	gateway: "localhost/xmpp-federation-gateway:dev",
} as const;

/**
 * All that an installation for all namespaces is made of, in one file that `kubectl apply` takes: the definitions, then what
 * `kubectl kustomize deploy/operator` gives (a test compares them; kubectl itself is not there where this is built).
 *
 * @param images references to put in place of those of the manifests
 */
export async function releaseManifest(
	images: Readonly<Partial<Record<keyof typeof placeholders, string | undefined>>> = {},
): Promise<string> {
	const definitions = (await readdir(join(root, "crds"))).toSorted();
	const objects = await resourcesOf(join(root, "deploy/operator"));
	const documents = [
		...(await Promise.all(definitions.map(async (name) => await readFile(join(root, "crds", name), "utf8")))),
		...objects.map((object) => stringify(object, { lineWidth: 0, aliasDuplicateObjects: false })),
	].map((text) => text.trimEnd());
	return `${documents.join("\n---\n")}\n`
		.replaceAll(placeholders.operator, images.operator ?? placeholders.operator)
		.replaceAll(placeholders.gateway, images.gateway ?? placeholders.gateway);
}

/** The resources of a kustomization, in its order. @throws {Error} where it has what is not carried out here */
async function resourcesOf(directory: string): Promise<readonly Manifest[]> {
	const file = join(directory, "kustomization.yaml");
	const parsed = kustomization.safeParse(parse(await readFile(file, "utf8")));
	if (!parsed.success) throw new Error(`${relative(root, file)}: ${z.prettifyError(parsed.error)}`);
	const { resources, namespace, labels } = parsed.data;
	const pairs = Object.fromEntries(labels.flatMap((label) => Object.entries(label.pairs)));
	const lists = await Promise.all(
		resources.map(async (resource) => {
			const path = join(directory, resource);
			if (!resource.endsWith(".yaml")) return await resourcesOf(path);
			const text = await readFile(path, "utf8");
			return parseAllDocuments(text).map((document) => manifest.parse(document.toJS()));
		}),
	);
	return lists.flat().map((object) => placed(object, namespace, pairs));
}

function placed(object: Manifest, namespace: string | undefined, labels: Readonly<Record<string, string>>): Manifest {
	const { metadata, subjects } = object;
	const isPlaced = namespace !== undefined && !clusterScoped.has(object.kind);
	return {
		...object,
		metadata: {
			...metadata,
			...(isPlaced && { namespace }),
			...(Object.keys(labels).length > 0 && { labels: { ...metadata.labels, ...labels } }),
		},
		...(subjects && namespace !== undefined && { subjects: subjects.map((subject) => ({ ...subject, namespace })) }),
	};
}
