import type { KubernetesClient } from "../kubernetes/client.ts";
import { OwnedObjects } from "../kubernetes/owned.ts";
import {
	configMaps,
	deployments,
	networkPolicies,
	podDisruptionBudgets,
	secrets,
	services,
} from "../kubernetes/resources.ts";
import type { Caches } from "./caches.ts";

/** Writers of the kinds that federations are made of. They remember what they applied, so they live as long as caches. */
export function makeOwnedKinds(client: KubernetesClient, caches: Caches) {
	return {
		ConfigMap: new OwnedObjects(client, configMaps, caches.configMaps.store),
		Deployment: new OwnedObjects(client, deployments, caches.deployments.store),
		NetworkPolicy: new OwnedObjects(client, networkPolicies, caches.networkPolicies.store),
		PodDisruptionBudget: new OwnedObjects(client, podDisruptionBudgets, caches.disruptionBudgets.store),
		Secret: new OwnedObjects(client, secrets, caches.secrets.store),
		Service: new OwnedObjects(client, services, caches.services.store),
	};
}

export type OwnedKinds = ReturnType<typeof makeOwnedKinds>;
