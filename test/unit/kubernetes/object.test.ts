import { expect, test } from "vitest";
import { controllerOf, isNewer, keyOf, objectKey, resourcePath } from "../../../src/kubernetes/object.ts";
import { deployments, namespaces, pods } from "../../../src/kubernetes/resources.ts";

test("paths of core and other groups, namespaced and cluster-wide, with name and subresource", () => {
	expect(resourcePath(pods, undefined)).toBe("/api/v1/pods");
	expect(resourcePath(pods, "ns")).toBe("/api/v1/namespaces/ns/pods");
	expect(resourcePath(deployments, "ns", "web", "status")).toBe("/apis/apps/v1/namespaces/ns/deployments/web/status");
	expect(resourcePath(namespaces, undefined, "ns")).toBe("/api/v1/namespaces/ns");
	expect(resourcePath(pods, "ns", "../../secrets")).toBe("/api/v1/namespaces/ns/pods/..%2F..%2Fsecrets");
});

test("keys", () => {
	expect(objectKey("ns", "name")).toBe("ns/name");
	expect(keyOf({ metadata: { name: "node-1" } })).toBe("node-1");
});

test("resource versions are compared as numbers of any length; what is no number counts as newer", () => {
	expect(isNewer("10", "9")).toBe(true);
	expect(isNewer("9", "10")).toBe(false);
	expect(isNewer("9007199254740993", "9007199254740992")).toBe(true);
	expect(isNewer("7", "7")).toBe(false);
	expect(isNewer("a", "b")).toBe(true);
});

test("the controller is the owner that says so", () => {
	const owner = { apiVersion: "v1", kind: "ConfigMap", name: "a", uid: "1" };
	const controller = { ...owner, uid: "2", controller: true };
	expect(controllerOf({ metadata: { name: "x", ownerReferences: [owner, controller] } })).toBe(controller);
	expect(controllerOf({ metadata: { name: "x", ownerReferences: [owner] } })).toBeUndefined();
	expect(controllerOf({ metadata: { name: "x" } })).toBeUndefined();
});
