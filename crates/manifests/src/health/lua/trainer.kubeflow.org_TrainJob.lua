-- A TrainJob of the Kubeflow Trainer. One that is complete stays healthy.

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

local function is_true(name)
  return condition(name).status == "True"
end

local spec = type(obj.spec) == "table" and obj.spec or {}

if is_true("Failed") then return health("Degraded", "failed", condition("Failed")) end
if is_true("Complete") then return health("Healthy", "complete", condition("Complete")) end
if spec.suspend == true or is_true("Suspended") then
  return health("Suspended", "suspended", condition("Suspended"))
end
return health("Progressing", "running")
