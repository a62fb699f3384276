-- A RayCluster. Its `observedGeneration` is not compared: the operator writes it only together with other changes,
-- so that it may stay behind for good. Operators before 1.3 have a state and no conditions.

local function text(value)
  if type(value) == "string" then return value end
  return ""
end

local status = type(obj.status) == "table" and obj.status or {}
local conditions = type(status.conditions) == "table" and status.conditions or {}

local function condition(name)
  for _, entry in pairs(conditions) do
    if type(entry) == "table" and entry.type == name then return entry end
  end
  return {}
end

local function health(as, message, from)
  for _, more in ipairs({ text(from and from.reason), text(from and from.message) }) do
    if more ~= "" then message = message .. ": " .. more end
  end
  return { status = as, message = message }
end

local spec = type(obj.spec) == "table" and obj.spec or {}
local head, failure = condition("HeadPodReady"), condition("ReplicaFailure")

if spec.suspend == true or condition("RayClusterSuspended").status == "True" or status.state == "suspended" then
  return health("Suspended", "suspended")
end
if failure.status == "True" then return health("Degraded", "pods can't be made", failure) end
if head.status == nil then
  if status.state == "ready" then return health("Healthy", "ready") end
  if status.state == "failed" then return health("Degraded", "failed", { reason = status.reason }) end
  return health("Progressing", "not provisioned yet")
end
local provisioned = condition("RayClusterProvisioned")
if provisioned.status ~= "True" then return health("Progressing", "being provisioned", provisioned) end
-- It is true for good once all pods were ready; the head may go and come again.
if head.status ~= "True" then return health("Progressing", "the head pod is not ready", head) end
return health("Healthy", "provisioned, and its head pod is ready")
