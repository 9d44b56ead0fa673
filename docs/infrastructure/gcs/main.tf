# A bucket for a Cloudkeep vault: object retention, versions, no public access; one service account that writes and never
# removes, one that prunes. The roles are those of docs/policies/gcs.
# Not run by the project's tests: look at the plan before you apply it.

terraform {
  required_version = ">= 1.5"
  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 5.0"
    }
  }
}

variable "project" {
  type = string
}

variable "bucket" {
  type = string
}

variable "location" {
  type    = string
  default = "EU"
}

variable "prefix" {
  type    = string
  default = "vault"
}

locals {
  roles = {
    backup = yamldecode(file("${path.module}/../../policies/gcs/backup-with-lock.yaml"))
    prune  = yamldecode(file("${path.module}/../../policies/gcs/prune.yaml"))
  }
}

resource "google_storage_bucket" "vault" {
  project                     = var.project
  name                        = var.bucket
  location                    = var.location
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  enable_object_retention     = true

  versioning {
    enabled = true
  }

  # Run locks only. Nothing else in a vault may be expired by a rule: what is old is what a backup is for.
  lifecycle_rule {
    condition {
      age            = 1
      matches_prefix = ["${var.prefix}/locks/"]
    }
    action {
      type = "Delete"
    }
  }

  lifecycle_rule {
    condition {
      age = 7
    }
    action {
      type = "AbortIncompleteMultipartUpload"
    }
  }

  lifecycle {
    prevent_destroy = true
  }
}

resource "google_project_iam_custom_role" "cloudkeep" {
  for_each    = local.roles
  project     = var.project
  role_id     = "cloudkeep_${each.key}"
  title       = each.value.title
  description = each.value.description
  permissions = each.value.includedPermissions
}

resource "google_service_account" "cloudkeep" {
  for_each   = local.roles
  project    = var.project
  account_id = "cloudkeep-${each.key}"
}

resource "google_storage_bucket_iam_member" "cloudkeep" {
  for_each = local.roles
  bucket   = google_storage_bucket.vault.name
  role     = google_project_iam_custom_role.cloudkeep[each.key].id
  member   = "serviceAccount:${google_service_account.cloudkeep[each.key].email}"
}

output "vault" {
  value = "gs://${var.bucket}/${var.prefix}"
}
