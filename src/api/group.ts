/** The API group and version of every kind of the operator. */
export const group = "xmppfed.dev";
export const version = "v1alpha1";
export const apiVersion = `${group}/${version}`;
