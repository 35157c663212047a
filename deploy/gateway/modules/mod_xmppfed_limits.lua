-- Both roles, global: the bounds in force (spec.limits), for the modules that hold to them.
--
-- Options:
--   xmppfed_role            router or federation
--   xmppfed_limits (table)  every bound by its name in spec.limits (src/gateway/limits.ts); one that is absent is no limit
-- Setting: limits, for each role those that are otherwise
--
-- Who needs a bound reads it from `limits` each time: what is in force can change.

module:set_global();

local role = module:get_option_enum("xmppfed_role", "router", "federation");
local fixed = module:get_option("xmppfed_limits");

limits = {};

module:depends("xmppfed_settings").watch("limits", function (value)
	local own = value == nil and {} or type(value) == "table" and (value[role] or {});
	if type(own) ~= "table" then return "it must have the limits of each role"; end
	for name, limit in pairs(own) do
		if math.type(limit) ~= "integer" or limit < 1 then return ("%s must be an integer of 1 or more"):format(name); end
	end
	for name in pairs(limits) do limits[name] = nil; end
	for name, limit in pairs(fixed) do limits[name] = limit; end
	for name, limit in pairs(own) do limits[name] = limit; end
end);
