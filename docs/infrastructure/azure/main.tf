# A container for a Cloudkeep vault: versions, version-level immutability, no public access; one identity that writes and
# never removes, one that prunes. The roles are those of docs/policies/azure.
# Not run by the project's tests: look at the plan before you apply it.

terraform {
  required_version = ">= 1.5"
  required_providers {
    azurerm = {
      source  = "hashicorp/azurerm"
      version = ">= 4.0"
    }
  }
}

provider "azurerm" {
  features {}
}

variable "resource_group" {
  type = string
}

variable "location" {
  type = string
}

variable "account" {
  type = string
}

variable "container" {
  type    = string
  default = "vaults"
}

variable "lock_days" {
  type    = number
  default = 30
}

locals {
  roles = {
    backup = jsondecode(file("${path.module}/../../policies/azure/backup-with-lock.json"))
    prune  = jsondecode(file("${path.module}/../../policies/azure/prune.json"))
  }
}

resource "azurerm_storage_account" "vault" {
  name                            = var.account
  resource_group_name             = var.resource_group
  location                        = var.location
  account_tier                    = "Standard"
  account_replication_type        = "ZRS"
  min_tls_version                 = "TLS1_2"
  allow_nested_items_to_be_public = false
  shared_access_key_enabled       = false

  blob_properties {
    versioning_enabled = true
  }

  # Version-level immutability for the whole account. "Unlocked" can be ended by its owner, "Locked" by nobody.
  immutability_policy {
    state                         = "Unlocked"
    period_since_creation_in_days = var.lock_days
    allow_protected_append_writes = false
  }

  lifecycle {
    prevent_destroy = true
  }
}

resource "azurerm_storage_container" "vault" {
  name                  = var.container
  storage_account_id    = azurerm_storage_account.vault.id
  container_access_type = "private"
}

resource "azurerm_user_assigned_identity" "cloudkeep" {
  for_each            = local.roles
  name                = "cloudkeep-${each.key}"
  resource_group_name = var.resource_group
  location            = var.location
}

resource "azurerm_role_definition" "cloudkeep" {
  for_each    = local.roles
  name        = each.value.Name
  scope       = azurerm_storage_account.vault.id
  description = each.value.Description
  permissions {
    actions      = each.value.Actions
    data_actions = each.value.DataActions
  }
}

resource "azurerm_role_assignment" "cloudkeep" {
  for_each           = local.roles
  scope              = azurerm_storage_account.vault.id
  role_definition_id = azurerm_role_definition.cloudkeep[each.key].role_definition_resource_id
  principal_id       = azurerm_user_assigned_identity.cloudkeep[each.key].principal_id
}

output "vault" {
  value = "az://${var.container}/vault?account=${var.account}"
}
