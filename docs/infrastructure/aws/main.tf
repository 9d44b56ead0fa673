# A bucket for a Cloudkeep vault: object lock, versions, encryption, no public access; one user that writes and never
# removes, one that prunes. The policies are those of docs/policies/aws, with the names filled in.
# Not run by the project's tests: look at the plan before you apply it.

terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

variable "bucket" {
  type = string
}

variable "prefix" {
  type    = string
  default = "vault"
}

variable "lock_mode" {
  description = "GOVERNANCE can be ended by whoever has s3:BypassGovernanceRetention, COMPLIANCE by nobody"
  type        = string
  default     = "GOVERNANCE"
}

variable "lock_days" {
  type    = number
  default = 30
}

locals {
  policies = {
    for name in ["backup", "prune"] : name => replace(
      replace(file("${path.module}/../../policies/aws/${name}.json"), "BUCKET", var.bucket),
      "PREFIX", var.prefix
    )
  }
}

resource "aws_s3_bucket" "vault" {
  bucket              = var.bucket
  object_lock_enabled = true

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_s3_bucket_versioning" "vault" {
  bucket = aws_s3_bucket.vault.id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_object_lock_configuration" "vault" {
  bucket     = aws_s3_bucket.vault.id
  depends_on = [aws_s3_bucket_versioning.vault]
  rule {
    default_retention {
      mode = var.lock_mode
      days = var.lock_days
    }
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "vault" {
  bucket = aws_s3_bucket.vault.id
  rule {
    bucket_key_enabled = true
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_ownership_controls" "vault" {
  bucket = aws_s3_bucket.vault.id
  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_public_access_block" "vault" {
  bucket                  = aws_s3_bucket.vault.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_lifecycle_configuration" "vault" {
  bucket     = aws_s3_bucket.vault.id
  depends_on = [aws_s3_bucket_versioning.vault]

  rule {
    id     = "unfinished-uploads"
    status = "Enabled"
    filter {}
    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }

  # Run locks only. Nothing else in a vault may be expired by a rule: what is old is what a backup is for.
  rule {
    id     = "run-locks"
    status = "Enabled"
    filter {
      prefix = "${var.prefix}/locks/"
    }
    expiration {
      days = 1
    }
    noncurrent_version_expiration {
      noncurrent_days = 1
    }
  }
}

resource "aws_iam_user" "cloudkeep" {
  for_each = local.policies
  name     = "cloudkeep-${each.key}"
}

resource "aws_iam_user_policy" "cloudkeep" {
  for_each = local.policies
  name     = "cloudkeep-${each.key}"
  user     = aws_iam_user.cloudkeep[each.key].name
  policy   = each.value
}

output "vault" {
  value = "s3://${var.bucket}/${var.prefix}"
}
