import type { Observed } from "../kubernetes/object.ts";
import type { ConfigMap, Pod } from "../kubernetes/resources.ts";
import { intentKey } from "../objects/node-configuration.ts";

/**
 * What the caches keep of a pod: who it belongs to, what it mounts and how it fares. The rest, most of it repeated from its
 * Deployment, is some 30 kB of memory for each pod.
 */
export function podEssentials({ apiVersion, kind, metadata, spec, status }: Observed<Pod>): Observed<Pod> {
	const { name, namespace, uid, resourceVersion, creationTimestamp, deletionTimestamp, labels, annotations } = metadata;
	const { phase, podIP, podIPs, conditions, containerStatuses } = status ?? {};
	return {
		apiVersion,
		kind,
		metadata: {
			name,
			uid,
			resourceVersion,
			creationTimestamp,
			...(namespace !== undefined && { namespace }),
			...(deletionTimestamp !== undefined && { deletionTimestamp }),
			...(labels && { labels }),
			...(annotations && { annotations }),
		},
		spec: {
			containers: [],
			volumes: (spec?.volumes ?? []).filter(
				({ configMap, secret, projected }) => (configMap ?? secret ?? projected) !== undefined,
			),
		},
		status: {
			...(phase !== undefined && { phase }),
			...(podIP !== undefined && { podIP }),
			...(podIPs && { podIPs }),
			...(conditions && { conditions }),
			...(containerStatuses && { containerStatuses }),
		},
	};
}

/** What the caches keep of a ConfigMap: of one that nobody can change only the intent that it records is read. */
export function configMapEssentials(configMap: Observed<ConfigMap>): Observed<ConfigMap> {
	if (configMap.immutable !== true) return configMap;
	const intent = configMap.data?.[intentKey];
	return { ...configMap, data: intent === undefined ? {} : { [intentKey]: intent } };
}
