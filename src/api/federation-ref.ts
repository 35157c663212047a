import { z } from "zod";
import { resourceName } from "./names.ts";
import { ruled } from "./rules.ts";

/** The XmppFederation, in the same namespace, that a resource of another kind is about. */
export const federationRef = ruled(
	z.object({ name: resourceName.meta({ description: "Name of the XmppFederation." }) }),
	{
		cel: "self == oldSelf",
		message: "cannot be changed: delete this resource and make one for the other XmppFederation",
	},
).meta({ description: "The XmppFederation, in the same namespace, that it is for. Cannot be changed." });
