-- By conditions that were found for this metadata.generation. An older one is of a spec that is no more.
local function current(type)
    for _, condition in ipairs(obj.status and obj.status.conditions or {}) do
        if condition.type == type and condition.observedGeneration == obj.metadata.generation then
            return condition
        end
    end
end

local function health(status, message)
    return { status = status, message = message }
end

local accepted = current("Accepted")
if accepted == nil then
    return health("Progressing", "The operator has not looked at this generation yet.")
end
if accepted.status ~= "True" then
    -- cert-manager is at it.
    local waits = accepted.reason == "CertificateNotIssued"
    return health(waits and "Progressing" or "Degraded", accepted.message)
end

local degraded = current("Degraded")
if degraded ~= nil and degraded.status == "True" then
    return health("Degraded", degraded.message)
end
local certificate = current("CertificateValid")
local refused = certificate ~= nil and certificate.status == "False"
local selfSigned = refused and certificate.reason == "SelfSigned"
if refused and not selfSigned then
    return health("Degraded", certificate.message)
end

local progressing = current("Progressing")
if progressing == nil or progressing.status ~= "False" then
    return health("Progressing", progressing and progressing.message)
end
-- Paused, or a change that is to be allowed by somebody
if progressing.reason == "Paused" or progressing.reason == "WouldLeaveNoEnabledNode" then
    return health("Suspended", progressing.message)
end
local annotations = obj.metadata.annotations or {}
if (annotations["xmppfed.dev/paused"] or "false") ~= "false" then
    return health("Suspended", "Roll-outs are paused by the annotation xmppfed.dev/paused. None is waiting.")
end
if progressing.reason == "Blocked" then
    return health("Degraded", progressing.message)
end

local ready = current("Ready")
-- While a step is being taken, the last word on these two is older.
if ready == nil or degraded == nil or degraded.status ~= "False" then
    return health("Progressing", progressing.message)
end
if ready.status == "True" then
    -- That is what a federation has for which no certificate is given: no fault of the roll-out.
    local but = selfSigned and " But: " .. certificate.message or ""
    return health("Healthy", ready.message .. but)
end
-- As Argo CD says of a Service that waits for its load balancer
if ready.reason == "NoPublicAddress" or ready.reason == "NoInternalAddress" then
    return health("Progressing", ready.message)
end
return health("Degraded", ready.message)
