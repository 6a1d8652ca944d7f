output "bucket" {
  description = "The bucket for the backend's configuration."
  value       = aws_s3_bucket.state.id
}
