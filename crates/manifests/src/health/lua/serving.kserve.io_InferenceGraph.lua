-- An InferenceGraph of KServe. Its conditions are those of a Knative Service, where False means given up, or one that
-- KServe makes for a Deployment. Its `observedGeneration` is that of the Service or Deployment, and tells nothing.

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

local ready = condition("Ready")
if ready.status == "True" then return health("Healthy", "ready") end
if ready.status == "False" then return health("Degraded", "failed", ready) end
return health("Progressing", "not ready", ready)
